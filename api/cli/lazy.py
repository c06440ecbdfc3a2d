"""Commands that are imported when they are called, and not by each process that serves."""

from __future__ import annotations

from collections.abc import Mapping

import click
from flask.cli import AppGroup
from werkzeug.utils import import_string


class LazyGroup(AppGroup):
    """A group that imports a command when it is called, or when all commands are listed."""

    def __init__(self, places: Mapping[str, str]) -> None:
        super().__init__()
        self._places = places

    def list_commands(self, ctx: click.Context) -> list[str]:
        """Return the names of all commands."""
        return sorted({*super().list_commands(ctx), *self._places})

    def get_command(self, ctx: click.Context, cmd_name: str) -> click.Command | None:
        """Return the command of this name, or None."""
        if cmd_name not in self._places:
            return super().get_command(ctx, cmd_name)
        command: click.Command = import_string(self._places[cmd_name])
        return command
