"""Incidents: what broke where, from when to when, and which deployment caused it."""
