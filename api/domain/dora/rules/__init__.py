"""The definitions of the metrics, as pure functions: nothing here reads a database."""
