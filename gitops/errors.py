"""The error that ends a command of this package, or a tool built on it."""


class GitopsError(Exception):
    """A failure that its message explains well enough to act on."""

    @property
    def message(self) -> str:
        """What went wrong, and what to do about it."""
        return str(self)


class UnreadableError(GitopsError):
    """A file that is no YAML, or cannot be read: the line, and what is wrong there."""

    def __init__(self, where: str, line: int, problem: str) -> None:
        super().__init__(f"{where}{f':{line}' if line else ''}: {problem}")
        self.line = line
        self.problem = problem
