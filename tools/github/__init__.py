"""What the workflows do on GitHub: each through `gh`, as a person would."""
