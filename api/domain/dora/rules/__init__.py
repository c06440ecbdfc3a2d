"""The definitions of the metrics as pure functions, without access to the database."""
