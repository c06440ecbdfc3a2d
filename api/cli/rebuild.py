"""`flask ledger rebuild`: what events have told, told again."""

from __future__ import annotations

import click
from flask import current_app
from flask.cli import with_appcontext

from api.cli.failure import failing
from api.database import database
from api.domain.events import inbox


@click.command()
@with_appcontext
def rebuild() -> None:
    """Project every stored event again, by the rules of now.

    What events have told before is taken back first. What was reported without an event stays, as
    does what people have corrected. All in one transaction: an error changes nothing. With the same
    rules the ledger is the same afterwards, its ids included.
    """
    rules = current_app.extensions["event_rules"]
    with failing("the ledger was not rebuilt"), database().write() as connection:
        outcomes = inbox.rebuild(connection, rules)
    told = ", ".join(f"{number} {outcome}" for outcome, number in sorted(outcomes.items()))
    click.echo(f"events projected again: {told or 'none'}")
