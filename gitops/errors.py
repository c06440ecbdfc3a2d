"""What ends a command before it could say anything about the repository."""

import click


class GitopsError(click.ClickException):
    """Something that the command needs is missing or cannot be read; exit status 2."""

    exit_code = 2
