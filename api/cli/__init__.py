"""The commands that the service adds to `flask`."""

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
    """Add the commands to `flask`."""
    app.cli.add_command(ledger)
    app.cli.add_command(notifications)
    app.cli.add_command(tokens)
