"""`flask ledger rebuild`: project all stored events again."""

from __future__ import annotations

import click
from flask import current_app
from flask.cli import with_appcontext

from api.cli.failure import failing
from api.database import database
from api.domain.dora.kept import refreshing
from api.domain.events import inbox


@click.command()
@with_appcontext
def rebuild() -> None:
    """Project all stored events again by the current rules.

    First undoes what events recorded before. Reports without an event and corrections by people
    are kept. Runs in one transaction, so that an error changes nothing; events that arrive wait
    until it ends. With unchanged rules, the ledger is the same afterwards, including its ids.
    """
    rules = current_app.extensions["event_rules"]
    with failing("the ledger was not rebuilt"):
        outcomes = database().transact(lambda connection: inbox.rebuild(connection, rules))
        database().bring_up_to_date(refreshing.outdated, refreshing.refresh)
    counts = ", ".join(f"{number} {outcome}" for outcome, number in sorted(outcomes.items()))
    click.echo(f"events projected again: {counts or 'none'}")
