"""The error that ends a command, or a tool that stands on this package."""


class GitopsError(Exception):
    """A failure that its message explains well enough to act on."""

    @property
    def message(self) -> str:
        """What went wrong, and what to do about it."""
        return str(self)
