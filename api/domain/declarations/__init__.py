"""Declarations: the releases that git declares for each environment, and since when."""
