"""The kit: what every feature is built from and that has no domain in it."""
