"""`flask ledger recompute`: compute anew what the metrics are made of."""

from __future__ import annotations

import click
from flask.cli import with_appcontext

from api.cli.failure import failing
from api.database import database
from api.domain.dora.kept import refreshing


@click.command()
@with_appcontext
def recompute() -> None:
    """Compute anew the rows that are kept for the metrics.

    They are kept up to date without it: this is for after a change of the definitions, or in case
    of doubt. Reports are accepted meanwhile; the metrics are answered once it has ended.
    """
    with failing("nothing was computed anew"):
        database().transact(refreshing.forget)
        database().bring_up_to_date(refreshing.outdated, refreshing.refresh)
    click.echo("what the metrics are made of was computed anew")
