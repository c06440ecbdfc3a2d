"""What makes a clone ready: programs, schemas, and the names of a fork."""
