"""How a command fails: exit status 1 and one line on standard error."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager

import click
from sqlalchemy.exc import SQLAlchemyError

from api.outages import UnavailableError, first_line


class Failure(click.ClickException):
    """The command failed: exit with status 1 and one line on standard error."""

    def show(self, file: object = None) -> None:  # noqa: ARG002
        """Print the message to standard error."""
        click.echo(f"slipway: {self.message}", err=True)


@contextmanager
def failing(what: str) -> Iterator[None]:
    """Turn errors of the database and of files into a Failure; `what` says what was not done."""
    try:
        yield
    except (UnavailableError, ValueError, OSError) as error:
        raise Failure(f"{what}: {first_line(error)}") from error
    except SQLAlchemyError as error:
        raise Failure(f"{what}: {first_line(getattr(error, 'orig', None) or error)}") from error
