"""Promotions: what one environment runs and the next does not, and what blocks it."""
