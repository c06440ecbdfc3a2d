"""`gitops status`: compare what git declares with what runs."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import click

from gitops.errors import GitopsError
from gitops.ledger import connect, option
from gitops.output import Output, bold, faint, green, red
from gitops.repository import Repository
from gitops.revision import Clone
from gitops.status import Row, Seen, rows

HEAD = ("ENVIRONMENT", "SERVICE", "DECLARED", "LEDGER", "CLUSTER", "STATE")


@click.command(short_help="Show whether what git declares is what runs.")
@click.argument(
    "path", type=click.Path(exists=True, file_okay=False, path_type=Path), default=Path()
)
@option
@click.option("--context", metavar="NAME", help="The kube context of the cluster to ask.")
@click.option("--json", "as_json", is_flag=True, help="Print one JSON document.")
@click.pass_context
def status(
    command: click.Context, path: Path, url: str | None, context: str | None, as_json: bool
) -> None:
    """Show what git declares for each environment below PATH, beside what runs there.

    The ledger has the last successful deployment, the cluster the images of its workloads. An image
    is in-sync if they agree with git; pending while another one is being deployed, or if no
    deployment ended since it was declared; drifted if something else runs; unknown if neither has
    it.
    A digest of zeros is a placeholder, and declares nothing.

    Exit status: 0 all are in-sync, 1 one is not, 2 the command could not run.

    \b
    Examples:
        python -m gitops status k8s --ledger https://slipway.example.com
        python -m gitops status k8s --context k3d-slipway
    """  # noqa: D301 - \b is for click: what follows is not wrapped
    if not url and not context:
        raise GitopsError("nothing to compare with: use --ledger URL, --context NAME, or both")
    output = Output(as_json=as_json)
    clone = Clone.of(path)
    clone.demand_history("since when a release is declared")
    ledger = connect(url) if url else None
    output.progress("asking")
    found = list(rows(Repository.open(path), clone, ledger, context))
    output.document({"images": [each.document() for each in found]})
    lines = [
        (
            each.environment,
            each.service,
            "nothing" if each.declared.is_free else str(each.declared),
            column(each.ledger, asked=bool(url)),
            column(each.cluster, asked=bool(context)),
            each.state,
        )
        for each in found
    ]
    widths = [max(map(len, column)) for column in zip(HEAD, *lines, strict=True)]
    output.say(bold(line(HEAD, widths)))
    for each, texts in zip(found, lines, strict=True):
        output.say(colour(each)(line(texts, widths)))
    command.exit(0 if all(each.state == "in-sync" for each in found) else 1)


def column(seen: Seen | None, *, asked: bool) -> str:
    """Return what was seen as the text of a column."""
    if not asked:
        return "not asked"
    return (str(seen.release) if seen else "") or "nothing"


def line(texts: tuple[str, ...], widths: list[int]) -> str:
    """Return a line of the table."""
    return "  ".join(map(str.ljust, texts, widths)).rstrip()


def colour(row: Row) -> Callable[[str], str]:
    """Return the colour of a row."""
    return {"in-sync": green, "drifted": red, "unknown": faint}.get(row.state, str)
