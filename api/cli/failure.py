"""How a command ends that could not do its work."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager

import click
from sqlalchemy.exc import DBAPIError

from api.database import DatabaseUnusableError


class Failure(click.ClickException):
    """End with status 1 and one line."""

    def show(self, file: object = None) -> None:  # noqa: ARG002
        """Print the line."""
        click.echo(f"slipway: {self.message}", err=True)


@contextmanager
def failing(what: str) -> Iterator[None]:
    """Turn what a database refuses into a Failure, which begins with what was not done."""
    try:
        yield
    except (DatabaseUnusableError, ValueError) as error:
        raise Failure(str(error)) from error
    except DBAPIError as error:
        raise Failure(f"{what}: {first_line(error)}") from error


def first_line(error: DBAPIError) -> str:
    """Return what the database says, in short."""
    return str(error.orig).strip().partition("\n")[0]
