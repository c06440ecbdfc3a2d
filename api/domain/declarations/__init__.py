"""Declarations: which release of a service git declares for an environment, and since when."""
