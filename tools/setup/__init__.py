"""What makes a clone ready: programs, schemas, and the names in a fork."""
