"""`gitops declare`: send what git declares to the ledger."""

from __future__ import annotations

from pathlib import Path

import click

from gitops.declarations import Change, Declarations, web_address
from gitops.errors import GitopsError
from gitops.ledger import connect, option
from gitops.output import Output, bold, faint, green, red
from gitops.pins import every
from gitops.repository import Repository
from gitops.revision import Clone


@click.command(short_help="Tell the ledger what git declares for each environment.")
@click.argument(
    "path", type=click.Path(exists=True, file_okay=False, path_type=Path), default=Path()
)
@option
@click.option(
    "--repository",
    "address",
    metavar="URL",
    help="Where this repository is on the web, if not where it was cloned from.",
)
@click.option("--allow-dirty", is_flag=True, help="Declare what is not committed, too.")
@click.option("--dry-run", is_flag=True, help="Show what would change and send nothing.")
@click.option("--json", "as_json", is_flag=True, help="Print one JSON document.")
@click.pass_context
def declare(
    command: click.Context,
    path: Path,
    url: str | None,
    address: str | None,
    allow_dirty: bool,
    dry_run: bool,
    as_json: bool,
) -> None:
    """Send which release each environment below PATH declares, and since which commit.

    Run it after each merge: then the ledger's matrix shows what is declared beside what runs, at
    any time. What the folder declared before and no longer does is withdrawn; a second run changes
    nothing. A digest of zeros is a placeholder, and declares nothing.

    Exit status: 0 the ledger has it, or would have; 1 files are not committed, or the ledger has
    the declaration of a later commit; 2 the command could not run.

    \b
    Examples:
        python -m gitops declare k8s --ledger https://slipway.example.com --dry-run
        python -m gitops declare k8s --repository https://git.example.com/acme/gitops
    """  # noqa: D301 - \b is for click: what follows is not wrapped
    if not url:
        raise GitopsError("no ledger: use --ledger URL")
    output = Output(as_json=as_json)
    clone, repository = Clone.of(path), Repository.open(path)
    clone.demand_history("since when a release is declared")
    refused = [] if allow_dirty else uncommitted(clone, repository)
    declared = Declarations.of(repository, clone, address or web_address(clone.origin()))
    ledger = connect(url)
    known = declared.known(ledger)
    changes = list(declared.changes(known))
    sends = not (refused or dry_run)
    if sends:
        output.progress("sending to the ledger")
        refused += declared.send(ledger, known)
    output.document(
        {
            "repository": declared.repository,
            "path": declared.path,
            "commit": declared.commit,
            "told": sends,
            "changes": [each.document() for each in changes],
            "refused": refused,
            "notes": declared.notes,
        }
    )
    output.say(
        bold(f"{declared.repository} {declared.path} at {declared.commit[:12]}".replace("  ", " "))
    )
    for change in changes:
        output.say(line(change))
    for note in declared.notes:
        output.say(faint(f"{note}: nothing is declared"))
    for reason in refused:
        output.say(red(f"refused: {reason}"))
    if not (refused or changes):
        output.say("the ledger is up to date")
    command.exit(1 if refused else 0)


def uncommitted(clone: Clone, repository: Repository) -> list[str]:
    """Return a reason for each file with uncommitted changes not to be declared."""
    files = {pin.file for pin in every(repository)}
    return [
        f"{repository.relative(file)} has uncommitted changes: commit them, or use --allow-dirty"
        for file in sorted(files)
        if clone.is_dirty(file)
    ]


def line(change: Change) -> str:
    """Return a change as one line for people."""
    text = f"{change.environment}: {change.service}: {change.old or 'nothing'} → "
    return text + (green(str(change.new)) if change.new else red("nothing"))
