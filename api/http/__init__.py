"""What every request passes before its route, and its answer on the way out."""
