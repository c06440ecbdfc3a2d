"""The command line: `kustomize-gitops COMMAND`, or in a clone `python -m gitops COMMAND`."""

from __future__ import annotations

import gc
import io
import json
import sys
from importlib import import_module
from itertools import pairwise
from pathlib import Path
from typing import Any

import click

from gitops import __version__, programs
from gitops.errors import GitopsError

IN_A_CLONE = "python -m gitops"
# As this was called: the examples of the help can then be typed as they stand.
PROGRAM = programs.PACKAGE if Path(sys.argv[0]).stem == programs.PACKAGE else IN_A_CLONE
COMMANDS = ("check", "declare", "diff", "doctor", "pin", "promote", "rollback", "status")


class Failed(click.ClickException):
    """The error of a command that could not run."""

    exit_code = 2


class Commands(click.Group):
    """Commands that are imported on demand: `check` need not wait for an HTTP client.

    https://click.palletsprojects.com/en/stable/complex/#lazily-loading-subcommands
    """

    def list_commands(self, ctx: click.Context) -> list[str]:  # noqa: ARG002
        """Return the names of the commands, in the order of the help."""
        return list(COMMANDS)

    def get_command(self, ctx: click.Context, cmd_name: str) -> click.Command | None:  # noqa: ARG002
        """Return a command, or None if there is none of this name."""
        if cmd_name not in COMMANDS:
            return None
        found: click.Command = getattr(import_module(f"gitops.commands.{cmd_name}"), cmd_name)
        found.help = (found.help or "").replace(IN_A_CLONE, PROGRAM)
        return found

    def invoke(self, ctx: click.Context) -> Any:
        """Run a command; click reports its error."""
        try:
            return super().invoke(ctx)
        except GitopsError as error:
            raise Failed(error.message) from None


@click.group(
    cls=Commands, context_settings={"help_option_names": ["-h", "--help"], "max_content_width": 100}
)
@click.version_option(__version__, "-V", "--version", message="%(prog)s %(version)s")
def cli() -> None:
    """Look after a Kustomize repository of a base and overlays.

    Only status --context needs a cluster, only pin, promote and rollback change a file, and only
    declare writes to the ledger. Begin with:

    \b
        python -m gitops doctor           what is installed, and what is missing
        python -m gitops check k8s        what is wrong in the overlays below k8s/
        python -m gitops diff k8s         what renders differently than on the main branch
        python -m gitops promote k8s --from dev --to staging --dry-run

    Every command takes --json. Exit status: 0 all is well, 1 something was found, 2 the command
    was not understood or could not run.
    """  # noqa: D301 - \b is for click: what follows is not wrapped


cli.help = (cli.help or "").replace(IN_A_CLONE, PROGRAM)


def wants_json(argv: list[str]) -> bool:
    """Tell whether a command is to print JSON."""
    return bool({"--json", "--format=json"} & {*argv}) or ("--format", "json") in pairwise(argv)


def main() -> None:
    """Run the command line; with --json, an error is a JSON document too."""
    # What is read stays until the end: to look through all of it for what may go, again and again,
    # takes a third of the time, and finds nothing.
    gc.disable()
    for stream in (sys.stdout, sys.stderr):
        if isinstance(stream, io.TextIOWrapper):
            # A name may have what the terminal's encoding has not, or is in none.
            stream.reconfigure(errors="backslashreplace")
    try:
        # Not standalone, click returns the exit status of a command.
        sys.exit(cli.main(prog_name=PROGRAM, standalone_mode=False))
    except click.Abort:
        sys.exit(130)
    except click.ClickException as error:
        if isinstance(error, Failed) and wants_json(sys.argv):
            click.echo(json.dumps({"error": error.format_message()}))
        else:
            error.show()
        sys.exit(error.exit_code)
