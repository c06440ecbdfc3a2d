"""Each format by its name."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path

import click

from gitops.errors import GitopsError
from gitops.formats.document import document
from gitops.formats.github import workflow_commands
from gitops.formats.junit import junit
from gitops.formats.markdown import markdown
from gitops.formats.report import Report
from gitops.formats.sarif import sarif
from gitops.formats.text import text

FORMATS: dict[str, Callable[[Report], str]] = {
    "text": lambda report: click.unstyle(text(report)),
    "json": lambda report: json.dumps(document(report), indent=2, ensure_ascii=False),
    "sarif": lambda report: json.dumps(sarif(report), indent=2, ensure_ascii=False),
    "github": workflow_commands,
    "markdown": markdown,
    "junit": junit,
}


class Target(click.ParamType[tuple[str, Path]]):
    """`FORMAT=FILE`: a file to write, and how."""

    name = "FORMAT=FILE"

    def convert(
        self, value: object, param: click.Parameter | None, ctx: click.Context | None
    ) -> tuple[str, Path]:
        """Return the format and the path."""
        how, equals, file = str(value).partition("=")
        if how not in FORMATS or not equals or not file:
            self.fail(f"{value!r} is not FORMAT=FILE; formats: {', '.join(FORMATS)}", param, ctx)
        return how, Path(file)


def write(report: Report, how: str, file: Path) -> None:
    """Write a report into a file. Raises GitopsError if it cannot be written."""
    try:
        text = f"{FORMATS[how](report)}\n"
        file.write_text(text, encoding="utf-8", errors="backslashreplace")
    except OSError as error:
        raise GitopsError(f"{file}: {error.strerror}") from None
