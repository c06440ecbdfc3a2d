"""The service's commands: `flask ledger`, `flask notifications` and `flask tokens`."""

from __future__ import annotations

from flask import Flask

from api.cli.lazy import LazyGroup

COMMANDS = {
    "ledger": "api.cli.ledger:ledger",
    "notifications": "api.cli.notifications:notifications",
    "tokens": "api.cli.tokens:tokens",
}


def init_app(app: Flask) -> None:
    """Register the commands with Flask's command line."""
    app.cli = LazyGroup(COMMANDS)
