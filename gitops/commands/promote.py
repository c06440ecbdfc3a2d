"""`gitops promote`: copy the release of one environment to the next, if it is fit."""

from __future__ import annotations

from contextlib import suppress
from pathlib import Path

import click

from gitops.checks.pins import is_tag_enough
from gitops.config import Config
from gitops.environments import Environments
from gitops.errors import GitopsError
from gitops.ledger import connect, option
from gitops.output import Output, bold, faint, green, red
from gitops.pins import Pin
from gitops.promotion import effect
from gitops.promotion.judgement import (
    DEFAULT_SOAK,
    Judgement,
    ask_ledger,
    duration,
    verify_signature,
)
from gitops.promotion.proposal import Proposal
from gitops.releases import Release
from gitops.repository import Repository
from gitops.revision import Clone
from gitops.selection import choose, choose_beside

# What a ledger may have against a promotion, as its API names it.
BLOCKERS = (
    "deployment_failed",
    "deployment_running",
    "incident_open",
    "replaced_before",
    "downgrade",
)


@click.command(short_help="Promote one digest to the next environment, if it may go on.")
@click.argument(
    "path", type=click.Path(exists=True, file_okay=False, path_type=Path), default=Path()
)
@click.option("--from", "source", metavar="ENV", required=True, help="Where it runs now.")
@click.option("--to", "target", metavar="ENV", required=True, help="Where it is to go.")
@click.option(
    "--image",
    "images",
    metavar="NAME",
    multiple=True,
    help="Which image, where several are pinned (repeatable: all of these, or none).",
)
@click.option("--service", metavar="NAME", help="The ledger's name for it, if not the image's.")
@option
@click.option("--without-ledger", is_flag=True, help="Do not ask whether it is healthy.")
@click.option(
    "--soak", metavar="TIME", help=f"How long it must have run (gitops.yaml, or {DEFAULT_SOAK})."
)
@click.option(
    "--accept",
    "accepted",
    type=click.Choice(BLOCKERS),
    multiple=True,
    help="Go on in spite of this; the text of the pull request says so (repeatable).",
)
@click.option("--dry-run", is_flag=True, help="Show everything and change nothing.")
@click.option("--json", "as_json", is_flag=True, help="Print one JSON document.")
@click.pass_context
def promote(
    command: click.Context,
    path: Path,
    source: str,
    target: str,
    images: tuple[str, ...],
    service: str | None,
    url: str | None,
    without_ledger: bool,
    soak: str | None,
    accepted: tuple[str, ...],
    dry_run: bool,
    as_json: bool,
) -> None:
    """Copy the release that one environment pins to the next one, below PATH.

    Only the entry of `images` of the target changes; comments and order stay. It is refused, with
    every reason, unless the release is pinned by digest, has been deployed for long enough, with
    nothing in the ledger against it, and its signature verifies, if gitops.yaml asks for one. The
    diff and the text for a pull request are printed; you commit. Of several images, all are
    promoted, or none if one of them is refused.

    Exit status: 0 promoted, or already the same; 1 refused; 2 the command could not run.

    \b
    Examples:
        python -m gitops promote k8s --from dev --to staging --dry-run
        python -m gitops promote k8s --from staging --to prod --soak 12h
    """  # noqa: D301 - \b is for click: what follows is not wrapped
    if not url and not without_ledger:
        raise GitopsError("no ledger to ask: use --ledger URL, or --without-ledger")
    if service and len(images) > 1:
        raise click.UsageError("--service is the name of one image: each has its own")
    output = Output(as_json=as_json)
    clone, repository = Clone.of(path), Repository.open(path)
    config = Config.read(repository.root)
    environments = Environments.find(repository)
    proposals = []
    for image in dict.fromkeys(images) or (None,):
        here = choose(environments, source, image)
        there = choose_beside(environments, target, here)
        known = service or environments.service(here)
        route = (environments.of(here), environments.of(there))
        found = Judgement()
        for pin in (here, there):
            found.demand_committed(clone, repository, pin.file)
        found.demand_writable(repository, there.file)
        if not (here.release.is_pinned or is_tag_promoted(here.release, config, there)):
            why = f"{source} pins {here.release}: a digest is needed"
            found.reasons.append(f"{why}, unless `pins` in gitops.yaml says `tag-is-enough`")
        elif here.release != there.release:
            if url and not without_ledger:
                soaked = duration(soak or config.promotion.get("soak", DEFAULT_SOAK))
                ask_ledger(found, connect(url), here, known, route, soaked, accepted)
            else:
                found.notes.append("its health was not checked: no ledger was asked")
            judge(found, clone, here, config)
            with suppress(GitopsError):  # such a source can be read all the same
                effect.demand(found, here, there.release)
            effect.demand(found, there, here.release)
        title = f"Promote {known} {here.release.title} to {route[1]}"
        path_in_clone = str(clone.path(there.file))
        proposals.append(Proposal(title, there, here.release, path_in_clone, found))
    finish(command, output, proposals, dry_run)


def judge(found: Judgement, clone: Clone, pin: Pin, config: Config) -> None:
    """Add whether a release is signed, and the changes that it brings."""
    release = pin.release
    reference = f"@{release.digest}" if release.digest else f":{release.tag}"
    verify_signature(found, pin.name + reference, config)
    if found.commits and not found.changes:
        found.changes = list(clone.between(*found.commits))
        found.change_count = len(found.changes)


def is_tag_promoted(release: Release, config: Config, there: Pin) -> bool:
    """Tell whether a release without a digest may go to an environment where a tag is enough."""
    return bool(release.tag and not release.digest) and is_tag_enough(config, there.overlay.name)


def finish(
    command: click.Context, output: Output, proposals: list[Proposal], dry_run: bool
) -> None:
    """Write the changes unless one of them is refused, and print all about them."""
    is_refused = any(each.judgement.reasons for each in proposals)
    writes = not (is_refused or dry_run)
    documents = [each.document(changed=writes and not each.is_same) for each in proposals]
    output.document(documents[0] if len(documents) == 1 else {"promotions": documents})
    for each in proposals:
        if each.judgement.reasons:
            output.say(red(f"refused: {each.title}"))
            for reason in each.judgement.reasons:
                output.say(f"  - {reason}")
        elif each.is_same:
            output.say(f"{each.path} already has {each.release}")
        else:
            show(output, each)
            if writes:
                each.write()
            output.say(f"{each.path} {'was changed: commit it' if writes else 'was not changed'}")
    if is_refused:
        command.exit(1)


def show(output: Output, proposal: Proposal) -> None:
    """Print the diff, and the text for a pull request."""
    for line in proposal.diff().splitlines():
        output.say({"+": green, "-": red}.get(line[:1], faint)(line))
    output.say()
    output.say(bold(proposal.title))
    output.say()
    output.say(proposal.body())
    output.say()
