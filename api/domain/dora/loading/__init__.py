"""What the definitions need to know of a window, read from the database."""
