"""How a command fails: exit status 1 and one line on standard error."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager

import click
from sqlalchemy.exc import DBAPIError

from api.database import DatabaseUnusableError


class Failure(click.ClickException):
    """The command failed: exit with status 1 and one line on standard error."""

    def show(self, file: object = None) -> None:  # noqa: ARG002
        """Print the message to standard error."""
        click.echo(f"slipway: {self.message}", err=True)


@contextmanager
def failing(what: str) -> Iterator[None]:
    """Turn database errors into a Failure; `what` says what the command did not do."""
    try:
        yield
    except (DatabaseUnusableError, ValueError) as error:
        raise Failure(str(error)) from error
    except DBAPIError as error:
        raise Failure(f"{what}: {first_line(error)}") from error


def first_line(error: DBAPIError) -> str:
    """Return the first line of the database's error message."""
    return str(error.orig).strip().partition("\n")[0]
