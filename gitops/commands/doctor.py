"""`gitops doctor`: which programs are installed, and how to get those that are not."""

from __future__ import annotations

from dataclasses import asdict

import click

from gitops.doctor import inspect
from gitops.output import Output


@click.command(short_help="List the programs that are needed, and how to get those missing.")
@click.option("--json", "as_json", is_flag=True, help="Print one JSON document.")
@click.pass_context
def doctor(command: click.Context, as_json: bool) -> None:
    """List the programs that the commands need, their versions, and how to get those missing.

    Programs that `make` built in .tools/ are taken before those on the PATH. Exit status 1 if one
    is missing that nothing works without.
    """
    output = Output(as_json=as_json)
    found = inspect()
    for each in found:
        output.say(str(each))
    well = all(each.is_well for each in found)
    output.document({"ok": well, "programs": [asdict(each) for each in found]})
    command.exit(0 if well else 1)
