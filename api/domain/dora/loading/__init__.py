"""Reads from the database what the metrics of a window depend on."""
