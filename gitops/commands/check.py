"""`gitops check`: find problems that need no cluster to be found."""

from __future__ import annotations

import time
from itertools import groupby
from pathlib import Path
from typing import Any

import click

from gitops import optional
from gitops.checks.context import Context
from gitops.checks.run import CHECKS, run
from gitops.config import Config
from gitops.errors import GitopsError
from gitops.findings import Finding, Severity, counted, place, worst_first
from gitops.formats import sarif, workflow_commands
from gitops.output import Output, faint, green, red, yellow
from gitops.render import Renderer
from gitops.repository import Repository

RULE = click.Choice(list(CHECKS))


@click.command(short_help="Find what is wrong in the overlays, with file and line.")
@click.argument(
    "path", type=click.Path(exists=True, file_okay=False, path_type=Path), default=Path()
)
@click.option("--only", "rules", type=RULE, multiple=True, help="Check this only (repeatable).")
@click.option("--skip", type=RULE, multiple=True, help="Leave this out (repeatable).")
@click.option("--base", metavar="REF", help="A git revision to compare immutable fields with.")
@click.option(
    "--schema-location",
    "locations",
    metavar="LOCATION",
    multiple=True,
    help="Where kubeconform finds schemas: a template of a path or URL, or `default` (repeatable).",
)
@click.option(
    "--kubernetes", metavar="VERSION", multiple=True, help="Validate for this (repeatable)."
)
@click.option("--notes", is_flag=True, help="Show what is true and does no harm, too.")
@click.option(
    "--fail-on",
    type=click.Choice([*(each.value for each in Severity), "never"]),
    default=Severity.WARNING.value,
    show_default=True,
    help="The least severity that makes the exit status 1; `note` shows notes, too.",
)
@click.option(
    "--format",
    "how",
    type=click.Choice(["text", "json", "sarif", "github"]),
    default="text",
    show_default=True,
    help="`sarif` is for code scanning, `github` for annotations in a workflow.",
)
@click.option("--json", "as_json", is_flag=True, help="The same as --format json.")
@click.pass_context
def check(
    command: click.Context,
    path: Path,
    rules: tuple[str, ...],
    skip: tuple[str, ...],
    base: str | None,
    locations: tuple[str, ...],
    kubernetes: tuple[str, ...],
    notes: bool,
    fail_on: str,
    how: str,
    as_json: bool,
) -> None:
    """Find what is wrong in the overlays below PATH (by default, the folder you are in).

    An overlay is a folder with a kustomization.yaml that no other one includes. Each is rendered,
    and each finding has a file, a line and a severity: `error` will break or is certainly a
    mistake, `warning` may break, `note` does no harm and is shown with --notes.

    \b
    file        a file that is empty, cannot be read, or has one key twice
    render      an overlay that kustomize refuses to render
    patch       an operation of a JSON patch with a member missing or unknown
    deprecated  a field of a kustomization that kustomize warns of
    inert       an override (patch, image, label, literal, ...) that changes nothing in any overlay
    parity      an object or key that only some overlays have, without a declared reason
    pin         an image without the tag or digest that its overlay needs
    dangling    a reference or selector that leads nowhere
    conflict    objects that do not go together, or a name twice where one counts
    immutable   a change since --base REF that the cluster refuses on an object that exists
    schema      an object that is not valid for a Kubernetes version

    PATH/gitops.yaml declares what is meant, each with its reason. docs/gitops.md explains every
    finding, with an example and how to mend it.

    \b
    Examples:
        python -m gitops check k8s
        python -m gitops check k8s --base origin/main
        python -m gitops check k8s --only inert --json
        python -m gitops check ../other --schema-location default
    """  # noqa: D301 - \b is for click: what follows is not wrapped
    how = "json" if as_json else how
    output = Output(as_json=how != "text")
    start = time.monotonic()
    repository = Repository.read(path)
    if not repository.overlays and not repository.faults and not repository.kustomizations:
        raise GitopsError(f"{path}: no overlay: no folder below it has a kustomization.yaml")
    with Renderer() as renderer:
        context = Context(
            repository, Config.read(repository.root), renderer, base, locations, kubernetes
        )
        asked = [rule for rule in rules or CHECKS if rule not in skip]
        if missed := unchecked(context):
            context.skipped["components"] = missed
        every = run(context, asked, output.progress)
    least = Severity.NOTE if notes or fail_on == Severity.NOTE else Severity.WARNING
    found = [each for each in every if each.severity.is_at_least(least)]
    hidden = len(every) - len(found)
    top = top_of(repository.root)
    if how == "text":
        show(output, context, found, path)
        summarize(output, context, found, hidden, time.monotonic() - start)
    elif how == "github":
        for line in workflow_commands(found, repository.root, top):
            click.echo(line)
    else:
        output.document(
            sarif(found, repository.root, top)
            if how == "sarif"
            else document(context, found, hidden, path)
        )
    for failure in context.failures:
        click.echo(f"Error: {failure}", err=True)
    if context.failures:
        command.exit(2)
    failed = fail_on != "never" and any(e.severity.is_at_least(Severity(fail_on)) for e in found)
    command.exit(1 if failed else 0)


def document(context: Context, found: list[Finding], hidden: int, path: Path) -> dict[str, Any]:
    """Return the findings, and what was checked, for JSON."""
    return {
        "path": str(path),
        "overlays": [each.name for each in context.repository.overlays],
        "components": [each.name for each in context.variants],
        "kubernetes": context.validated,
        "findings": [each.document(context.root) for each in found],
        "notes_hidden": hidden,
        "failures": context.failures,
        "skipped": context.skipped,
    }


def top_of(root: Path) -> Path:
    """Return the folder of the clone that a folder is in, or itself."""
    return next((each for each in (root, *root.parents) if (each / ".git").exists()), root)


def unchecked(context: Context) -> str:
    """Return which components are not checked, and why."""
    checked = {each.component for each in context.variants}
    components = [each for each in optional.unused(context.repository) if each not in checked]
    names = ", ".join(context.repository.relative(each.folder) for each in components)
    return f"{names}: in no overlay, nor under `optional` in gitops.yaml" if names else ""


def show(output: Output, context: Context, found: list[Finding], path: Path) -> None:
    """Print the findings by file, those with the worst first, and what was not checked."""
    for file, findings in groupby(worst_first(found), key=lambda finding: finding.file):
        where = path / place(file, context.root)
        for each in findings:
            severity = COLOURS[each.severity](each.severity)
            rule = faint(f"({each.rule})")
            output.say(f"{where}:{each.line}: {severity}: {each.text} {rule}")
            if each.hint:
                output.say(faint(f"    {each.hint}"))
        output.say()
    for rule, reason in context.skipped.items():
        output.say(faint(f"not checked: {rule}: {reason}"))


def summarize(
    output: Output, context: Context, found: list[Finding], hidden: int, seconds: float
) -> None:
    """Print how much was found, in how much."""
    checked = counted(len(context.repository.overlays), "overlay")
    if context.variants:
        components = {each.component for each in context.variants}
        checked += f" and {counted(len(components), 'component')}"
    if context.validated:
        checked += f", against Kubernetes {', '.join(context.validated)}"
    numbers = {
        severity: sum(each.severity == severity for each in found)
        for severity in Severity
        if severity != Severity.NOTE or not hidden
    }
    said = ", ".join(counted(number, noun) for noun, number in numbers.items() if number)
    summary = f"{said or '0 findings'} in {checked}, {seconds:.1f} s"
    output.say(red(summary) if found else green(summary))
    if hidden:
        output.say(faint(f"{counted(hidden, 'note')} not shown: --notes"))


COLOURS = {Severity.ERROR: red, Severity.WARNING: yellow, Severity.NOTE: faint}
