"""What the workflows do on GitHub, all through `gh`."""
