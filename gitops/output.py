"""What a command prints: text for people, JSON for programs, colours on a terminal only."""

from __future__ import annotations

import json
import os
import sys
from typing import Any

import click


class Output:
    """The output of a command: text, or with `as_json` one JSON document and nothing else."""

    def __init__(self, *, as_json: bool) -> None:
        self.as_json = as_json
        self._progress = sys.stderr.isatty() and not as_json
        # https://no-color.org and https://force-color.org: the log of a pipeline may show colours.
        wanted = sys.stdout.isatty() or bool(os.environ.get("FORCE_COLOR"))
        self._colour = wanted and not os.environ.get("NO_COLOR")

    def say(self, line: str = "") -> None:
        """Print a line of text, unless JSON was asked for."""
        self.progress("")
        if not self.as_json:
            click.echo(line, color=self._colour)

    def document(self, value: Any) -> None:
        """Print a JSON document, if that was asked for."""
        if self.as_json:
            click.echo(json.dumps(value, indent=2, ensure_ascii=False))

    def progress(self, line: str) -> None:
        """Show the progress in a line that the next one replaces; on a terminal only."""
        if self._progress:
            sys.stderr.write("\r\x1b[K" + line)
            sys.stderr.flush()


def bold(text: str) -> str:
    """Return a text in bold."""
    return click.style(text, bold=True)


def red(text: str) -> str:
    """Return a text in bold red."""
    return click.style(text, fg="red", bold=True)


def yellow(text: str) -> str:
    """Return a text in yellow."""
    return click.style(text, fg="yellow")


def green(text: str) -> str:
    """Return a text in green."""
    return click.style(text, fg="green")


def faint(text: str) -> str:
    """Return a dimmed text."""
    return click.style(text, dim=True)
