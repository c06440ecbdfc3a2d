"""`gitops check`: find problems that need no cluster to be found."""

from __future__ import annotations

import time
from dataclasses import replace
from pathlib import Path

import click

from gitops import baseline, optional
from gitops.aside import prepared
from gitops.cache import Cache
from gitops.checks.context import Context
from gitops.checks.run import CHECKS, run
from gitops.config import Config
from gitops.errors import GitopsError
from gitops.explain import page
from gitops.findings import RULES, Finding, Severity, counted
from gitops.formats.report import Report
from gitops.formats.text import text
from gitops.formats.write import FORMATS, Target, write
from gitops.options import Options
from gitops.output import Output
from gitops.render import Renderer
from gitops.since import Change, changed

RULE = click.Choice(list(CHECKS))


def explained(command: click.Context, _option: click.Parameter, rule: str | None) -> None:
    """Print why a rule is one, and nothing else."""
    if rule:
        click.echo(page(rule), nl=False)
        command.exit(0)


@click.command(short_help="Find what is wrong in the overlays, with file and line.")
@click.argument(
    "path", type=click.Path(exists=True, file_okay=False, path_type=Path), default=Path()
)
@click.option("--only", "rules", type=RULE, multiple=True, help="Check this only (repeatable).")
@click.option("--skip", type=RULE, multiple=True, help="Leave this out (repeatable).")
@click.option("--base", metavar="REF", help="A git revision to compare immutable fields with.")
@click.option(
    "--since",
    metavar="REF",
    help="Check only the overlays that a change since this git revision reaches.",
)
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
@click.option(
    "--build-options",
    metavar="OPTIONS",
    default="",
    help="Render with these of `kustomize build`, beside those that the repository declares.",
)
@click.option("--network", is_flag=True, help="Fetch remote bases and charts.")
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
    type=click.Choice(list(FORMATS)),
    default="text",
    show_default=True,
    help="`sarif` is for code scanning, `github` for annotations in a workflow, `markdown` for the"
    " summary of a job, `junit` for test reports.",
)
@click.option(
    "--no-cache", is_flag=True, help="Do not use what earlier runs found (.cache/gitops)."
)
@click.option("--json", "as_json", is_flag=True, help="The same as --format json.")
@click.option(
    "--write",
    "targets",
    type=Target(),
    multiple=True,
    help="Also write the findings into a file, in another format (repeatable).",
)
@click.option(
    "--baseline",
    "known",
    metavar="FILE",
    type=click.Path(dir_okay=False, path_type=Path),
    help="Tell only what is not in this file.",
)
@click.option(
    "--write-baseline", "rebase", is_flag=True, help="Write what is found into --baseline FILE."
)
@click.option(
    "--explain",
    type=click.Choice(list(RULES)),
    is_eager=True,
    expose_value=False,
    callback=explained,
    help="Print why a rule is one, with a bad and a good example, and how to mend it.",
)
@click.option("-v", "--verbose", is_flag=True, help="Quote the files, and name every overlay.")
@click.pass_context
def check(
    command: click.Context,
    path: Path,
    rules: tuple[str, ...],
    skip: tuple[str, ...],
    base: str | None,
    since: str | None,
    locations: tuple[str, ...],
    kubernetes: tuple[str, ...],
    build_options: str,
    network: bool,
    notes: bool,
    fail_on: str,
    how: str,
    no_cache: bool,
    as_json: bool,
    targets: tuple[tuple[str, Path], ...],
    known: Path | None,
    rebase: bool,
    verbose: bool,
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
    api         an API version that Kubernetes serves no longer, or discourages
    inert       an override (patch, image, label, literal, ...) that changes nothing in any overlay
    parity      an object or key that only some overlays have, without a declared reason
    pin         an image without the tag or digest that its overlay needs
    dangling    a reference or selector that leads nowhere
    conflict    objects or amounts that do not go together, or a name twice where one counts
    immutable   a change since --base REF that the cluster refuses on an object that exists
    unused      a file or a component that no kustomization names
    namespace   an overlay in the namespace of another environment, or in none
    schema      an object that is not valid for a Kubernetes version

    PATH/gitops.yaml declares what is meant, each with its reason; so does a comment at the line,
    `# gitops: ignore RULE reason`. An old repository begins with --baseline FILE --write-baseline,
    and is then told only what is new.

    \b
    Examples:
        python -m gitops check k8s
        python -m gitops check k8s --base origin/main
        python -m gitops check k8s --since origin/main
        python -m gitops check k8s --only inert --json
        python -m gitops check --format github --write sarif=gitops.sarif
        python -m gitops check ../other --schema-location default
    """  # noqa: D301 - \b is for click: what follows is not wrapped
    if rebase and not known:
        raise click.UsageError("--write-baseline needs --baseline FILE, which it writes")
    how = "json" if as_json else how
    output = Output(as_json=how != "text")
    start = time.monotonic()
    config = Config.read(path.resolve())
    repository = prepared(path, config, Options.of(build_options), network=network)
    if not repository.overlays and not repository.faults and not repository.kustomizations:
        raise GitopsError(f"{path}: no overlay: no folder below it has a kustomization.yaml")
    change = changed(repository, config, since)
    cache = None if no_cache else Cache.of(repository.top)
    with Renderer(cache, network=network) as renderer:
        context = Context(repository, config, renderer, base, locations, kubernetes)
        context.cache = cache
        context.reach = change.reaches if change and not rebase else None
        asked = [rule for rule in rules or CHECKS if rule not in skip]
        if missed := unchecked(context):
            context.skipped["components"] = missed
        every = run(context, asked, output.progress)
    report = reported(context, every, path, asked, known if not rebase else None)
    report = restricted(report, context, change)
    least = Severity.NOTE if notes or fail_on == Severity.NOTE else Severity.WARNING
    found = [each for each in report.found if each.severity.is_at_least(least)]
    report = replace(
        report,
        found=found,
        notes_hidden=len(report.found) - len(found),
        seconds=time.monotonic() - start,
    )
    if rebase and known and not context.failures:
        baseline.write(known, every, context.root)
        output.progress("")
        click.echo(f"{known}: {counted(len(every), 'finding')} written", err=how != "text")
        command.exit(0)
    if how == "text":
        output.say(text(report, verbose=verbose))
    elif said := FORMATS[how](report):
        click.echo(said)
    for other, file in targets:
        write(report, other, file)
    for failure in context.failures:
        click.echo(f"Error: {failure}", err=True)
    if context.failures:
        command.exit(2)
    failed = fail_on != "never" and any(e.severity.is_at_least(Severity(fail_on)) for e in found)
    command.exit(1 if failed else 0)


def reported(
    context: Context, every: list[Finding], path: Path, rules: list[str], known: Path | None
) -> Report:
    """Return the findings that are not in a baseline, and what was checked."""
    before = baseline.read(known) if known else {}
    found = baseline.new(every, context.root, before)
    checked = {"file", "configuration", *rules} - context.skipped.keys()
    return Report(
        found=found,
        path=path,
        root=context.root,
        top=context.repository.top,
        rules=tuple(rules),
        overlays=tuple(each.name for each in context.repository.overlays),
        variants=tuple(each.name for each in context.variants),
        components=len({each.component for each in context.variants}),
        kubernetes=context.validated,
        known=len(every) - len(found),
        mended=0 if context.reach else baseline.mended(every, context.root, before, checked),
        skipped=context.skipped,
        failures=context.failures,
    )


def restricted(report: Report, context: Context, change: Change | None) -> Report:
    """Return a report of what a change reaches; of everything without one."""
    if change is None:
        return report
    found = change.restricted(report.found, context.asked)
    names = [each.name for each in context.repository.overlays if change.reaches(each)]
    unchecked = len(context.repository.overlays) - len(names)
    since = change.revision
    return replace(report, found=found, overlays=tuple(names), since=since, unchecked=unchecked)


def unchecked(context: Context) -> str:
    """Return which components are not checked, and why."""
    checked = {each.component for each in context.variants}
    components = [each for each in optional.unused(context.repository) if each not in checked]
    names = ", ".join(context.repository.relative(each.folder) for each in components)
    return f"{names}: in no overlay, nor under `optional` in gitops.yaml" if names else ""
