"""Releases: promoted to the next environment, or rolled back."""
