"""The error that ends a command of this package, or a tool built on it."""


class GitopsError(Exception):
    """A failure that its message explains well enough to act on."""

    @property
    def message(self) -> str:
        """What went wrong, and what to do about it."""
        return str(self)
