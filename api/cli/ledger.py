"""`flask ledger`: migrate the database, fill it with demo data, and its other commands."""

from __future__ import annotations

import time

import click
from flask import current_app
from flask.cli import AppGroup, with_appcontext
from sqlalchemy import Engine

from api import demo
from api.cli.failure import failing
from api.cli.rebuild import rebuild
from api.cli.recompute import recompute
from api.cli.transfer import export_ledger, import_ledger
from api.database import Database, database
from api.domain.deployments import store
from api.domain.kit.times import now
from api.engine import open_engine
from api.migrate import upgrade
from api.outages import UnavailableError

ledger = AppGroup("ledger", help="Manage the ledger's database.")
ledger.add_command(export_ledger)
ledger.add_command(import_ledger)
ledger.add_command(rebuild)
ledger.add_command(recompute)


@ledger.command()
@click.option(
    "--wait",
    type=click.FloatRange(min=0),
    default=0,
    metavar="SECONDS",
    help="How long to wait until the database answers.",
)
@with_appcontext
def migrate(wait: float) -> None:
    """Migrate the database to the schema of this version.

    Does nothing if the schema is current or newer. Several may run at once: one migrates, the
    others wait.
    """
    owner: Database = current_app.extensions["database"]
    with failing("the database was not migrated"):
        engine = open_engine(owner.settings)
        _await(engine, wait)
        before, after = upgrade(engine)
    if before == after:
        click.echo(f"the database is at revision {after}; nothing to migrate")
    else:
        click.echo(f"the database was migrated from {before or 'nothing'} to revision {after}")


@ledger.command("demo")
@with_appcontext
def fill_with_demo() -> None:
    """Fill an empty ledger with a realistic history of 90 days."""
    with failing("no demo history was added"), database().write() as connection:
        if not store.is_empty(connection):
            click.echo("the ledger has deployments already; no demo history is added")
            return
        history = demo.history(now())
        demo.record(connection, history)
    added = len(history.deployments)
    click.echo(f"the ledger was empty: {added} deployments of a demo history were added")


def _await(engine: Engine, seconds: float) -> None:
    """Connect, retrying for up to this many seconds; then raise the last error."""
    deadline = time.monotonic() + seconds
    while True:
        try:
            engine.connect().close()
        except UnavailableError as error:
            if time.monotonic() >= deadline:
                raise
            click.echo(f"waiting for the database: {error}", err=True)
            time.sleep(1)
        else:
            return
