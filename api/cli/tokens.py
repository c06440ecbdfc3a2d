"""`flask tokens`: create, list and revoke API tokens."""

from __future__ import annotations

import os
import re
import secrets
from datetime import timedelta
from pathlib import Path
from typing import Any
from uuid import UUID

import click
from flask.cli import AppGroup, with_appcontext
from pydantic import TypeAdapter, ValidationError

from api.cli.failure import Failure, failing
from api.database import database
from api.domain import tokens as domain
from api.domain.events.adapters import ADAPTERS
from api.domain.kit.errors import InvalidValueError
from api.domain.kit.times import now
from api.domain.kit.types import Name
from api.domain.tokens import NewToken, Scope

UNITS = {"m": "minutes", "h": "hours", "d": "days", "w": "weeks"}

tokens = AppGroup("tokens", help="Manage API tokens.")


class Checked(click.ParamType[str]):
    """A click parameter validated by one of the ledger's types."""

    def __init__(self, name: str, kind: Any) -> None:
        self.name = name
        self._adapter = TypeAdapter[str](kind)

    def convert(self, value: Any, param: click.Parameter | None, ctx: click.Context | None) -> str:
        """Return the value, or fail with a usage error."""
        try:
            return self._adapter.validate_python(value)
        except ValidationError as error:
            self.fail(f"{value!r}: {error.errors()[0]['msg']}", param, ctx)


class Duration(click.ParamType[timedelta]):
    """A click parameter with a duration: 30m, 12h, 90d, 4w."""

    name = "duration"

    def convert(
        self, value: Any, param: click.Parameter | None, ctx: click.Context | None
    ) -> timedelta:
        """Return the duration, or fail with a usage error."""
        found = re.fullmatch(r"([1-9]\d{0,4})([mhdw])", value, re.ASCII)
        if found is None:
            self.fail(
                f"{value!r} is not a number with a unit (m, h, d, w), such as 90d", param, ctx
            )
        return timedelta(**{UNITS[found[2]]: int(found[1])})


@tokens.command()
@click.argument("name", type=Checked("name", Name))
@click.option(
    "--scope",
    "scopes",
    type=Checked("scope", Scope),
    multiple=True,
    required=True,
    metavar="SCOPE",
    help="read, write, admin or ingest:SOURCE; may be repeated.",
)
@click.option(
    "--expires-in",
    type=Duration(),
    metavar="TIME",
    help="When it expires: 30m, 12h, 90d, 4w. By default it is valid until it is revoked.",
)
@with_appcontext
def create(name: str, scopes: tuple[str, ...], expires_in: timedelta | None) -> None:
    """Create a token and print it; it cannot be shown again.

    Standard output contains only the token. Names need not be unique, so that a new token can take
    over before the old one is revoked.
    """
    try:
        domain.check_sources(scopes, ADAPTERS)
    except InvalidValueError as error:
        raise click.BadParameter(error.detail, param_hint="'--scope'") from error
    expires_at = None if expires_in is None else now() + expires_in
    new = NewToken(name=name, scopes=list(scopes), expires_at=expires_at)
    with failing("the token was not created"), database().write() as connection:
        created, text = domain.create(connection, new)
    until = "until it is revoked" if expires_at is None else f"until {_time(expires_at)}"
    granted = ", ".join(created["scopes"])
    click.echo(f"token {created['id']} of {name}: {granted}, valid {until}", err=True)
    click.echo(text)


@tokens.command("list")
@with_appcontext
def show() -> None:
    """List the tokens, newest first, without their secrets."""
    with failing("the tokens cannot be listed"), database().read() as connection:
        rows = domain.LISTING.rows(connection)
    table = [("ID", "NAME", "SCOPES", "STATE", "LAST USED")]
    for row in rows:
        state = "valid"
        if row["revoked_at"] is not None:
            state = f"revoked {_time(row['revoked_at'])}"
        elif row["expires_at"] is not None:
            word = "expired" if row["expires_at"] <= now() else "until"
            state = f"{word} {_time(row['expires_at'])}"
        used = "never" if row["last_used_at"] is None else _time(row["last_used_at"])
        table.append((str(row["id"]), row["name"], ",".join(row["scopes"]), state, used))
    widths = [max(map(len, column)) for column in zip(*table, strict=True)]
    for line in table:
        cells = [cell.ljust(width) for cell, width in zip(line, widths, strict=True)]
        click.echo("  ".join(cells).rstrip())


@tokens.command()
@click.argument("token_id", metavar="ID", type=click.UUID)
@with_appcontext
def revoke(token_id: UUID) -> None:
    """Revoke the token with this ID; revoking it twice is fine."""
    with failing("the token was not revoked"), database().write() as connection:
        known = domain.revoke(connection, token_id)
    if not known:
        raise Failure(f"there is no token {token_id}: `flask tokens list` shows all tokens")
    click.echo(f"token {token_id} is revoked")


@tokens.command()
@click.argument("path", type=click.Path(dir_okay=False, path_type=Path))
def bootstrap(path: Path) -> None:
    """Write a random admin token to the file PATH, unless the file exists.

    Only the file's owner can read it. With SLIPWAY_ADMIN_TOKEN_FILE=PATH, the service accepts it.
    """
    if path.is_file():
        click.echo(f"the admin token is in {path}")
        return
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        file = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
    except OSError as error:
        raise Failure(f"cannot write {path}: {error.strerror}") from error
    with os.fdopen(file, "w") as opened:
        opened.write(secrets.token_urlsafe(32) + "\n")
    click.echo(f"a new admin token is in {path}")


def _time(at: Any) -> str:
    return f"{at:%Y-%m-%d %H:%M}Z"
