"""The service's commands: `flask ledger`, `flask notifications` and `flask tokens`."""

from __future__ import annotations

from flask import Flask

from api.cli.ledger import ledger
from api.cli.notifications import notifications
from api.cli.rebuild import rebuild
from api.cli.tokens import tokens
from api.cli.transfer import export_ledger, import_ledger

ledger.add_command(export_ledger)
ledger.add_command(import_ledger)
ledger.add_command(rebuild)


def init_app(app: Flask) -> None:
    """Register the commands with Flask's command line."""
    app.cli.add_command(ledger)
    app.cli.add_command(notifications)
    app.cli.add_command(tokens)
