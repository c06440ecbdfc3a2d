"""`gitops diff`: what renders differently than at another revision."""

from __future__ import annotations

from itertools import groupby
from pathlib import Path

import click

from gitops.aside import prepared
from gitops.config import Config
from gitops.diff.lines import document, headline, of_object, sides_in_brief
from gitops.diff.markdown import Report, comment
from gitops.diff.objects import OverlayDiff
from gitops.diff.run import compared
from gitops.diff.summary import is_production, production, summary
from gitops.output import Output, bold, faint, green, red
from gitops.revision import Clone


@click.command(short_help="Show what renders differently than at a git revision.")
@click.argument(
    "path", type=click.Path(exists=True, file_okay=False, path_type=Path), default=Path()
)
@click.option(
    "--base",
    metavar="REF",
    help="The git revision to compare with (by default the default branch, else HEAD^).",
)
@click.option(
    "--format",
    "style",
    type=click.Choice(["text", "markdown", "json"]),
    default="text",
    help="For people, for a comment on a pull request, or for programs.",
)
@click.option("--json", "as_json", is_flag=True, help="The same as --format json.")
@click.option("--summary", "brief", is_flag=True, help="As text: without the objects.")
@click.pass_context
def diff(
    command: click.Context, path: Path, base: str | None, style: str, as_json: bool, brief: bool
) -> None:
    """Show what the overlays below PATH render to now and did not at a git revision.

    Every overlay is rendered as it is in the working tree, and as it was at REF. First comes a
    summary for each: image, replicas, resources, probes, security context, network policy, RBAC,
    selectors, configuration, objects added and removed; then what differs, object by object.
    Hashes of generated names are seen through; values of Secrets are never shown.

    Exit status: 0 nothing differs, 1 something does (or an overlay does not render), 2 the
    revision is unknown or the command could not run.

    \b
    Examples:
        python -m gitops diff k8s
        python -m gitops diff k8s --base v1.2.0
        python -m gitops diff k8s --base origin/main --format markdown > comment.md
    """  # noqa: D301 - \b is for click: what follows is not wrapped
    style = "json" if as_json else style
    output = Output(as_json=style == "json")
    clone = Clone.of(path)
    base = base or clone.default()
    repository = prepared(path, Config.read(path.resolve()))
    output.progress(f"rendering {len(repository.overlays)} overlays twice")
    found = compared(repository, clone, base)
    # What matters most comes first, and is the last to be cut.
    found.sort(key=lambda each: (not is_production(each.name), each.name))
    overlays = [(each, summary(each)) for each in found]
    where = str(repository.root.relative_to(clone.top))
    report = Report(where, base, clone.commit(base), overlays, production(found))
    if style == "markdown":
        output.say(comment(report).removesuffix("\n"))
    else:
        show(output, report, brief=brief)
    output.document(
        {
            "path": str(path),
            "base": base,
            "commit": report.commit,
            "overlays": [each.name for each in repository.overlays],
            "differences": [document(each, entries) for each, entries in overlays],
            "also_changes": report.production,
        }
    )
    command.exit(1 if found else 0)


def show(output: Output, report: Report, *, brief: bool) -> None:
    """Print the summaries, then the objects."""
    if report.production:
        names = ", ".join(report.production)
        output.say(
            red(f"this also changes prod ({names}): a promotion changes one environment alone")
        )
        output.say()
    for overlay, entries in report.overlays:
        output.say(f"{bold(overlay.name)}: {headline(overlay)}")
        if overlay.error:
            output.say(f"  {overlay.error}")
        for group, found in groupby(entries, key=lambda entry: entry.group):
            output.say(f"  {group}")
            for entry in found:
                both = sides_in_brief(entry)
                output.say(f"    {entry.what}" + (f": {both[0]} → {both[1]}" if both else ""))
        output.say()
    for overlay, _ in () if brief else report.overlays:
        show_objects(output, overlay)
    among = len(report.overlays)
    count = f"{among} overlays differ" if among > 1 else "1 overlay differs"
    what = count if among else "nothing differs"
    output.say(f"{what} from {report.base} ({report.commit[:12]})")


def show_objects(output: Output, overlay: OverlayDiff) -> None:
    """Print what differs in an overlay, object by object."""
    for each in overlay.objects:
        output.say(faint(f"{overlay.name}: {each.state} ") + bold(each.title))
        for line in of_object(each):
            colour = {"+": green, "-": red}.get(line[:1], str)
            output.say(f"  {colour(line)}")
        output.say()
