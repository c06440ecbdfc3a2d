"""`gitops rollback`: pin the last good release of an environment."""

from __future__ import annotations

from pathlib import Path

import click

from gitops.checks.pins import is_tag_enough
from gitops.commands.promote import finish
from gitops.config import Config
from gitops.environments import Environments
from gitops.ledger import connect, option
from gitops.output import Output
from gitops.promotion import effect, history
from gitops.promotion.judgement import Judgement
from gitops.promotion.proposal import Proposal
from gitops.repository import Repository
from gitops.revision import Clone
from gitops.selection import choose


@click.command(short_help="Go back to the last good release of an environment.")
@click.argument(
    "path", type=click.Path(exists=True, file_okay=False, path_type=Path), default=Path()
)
@click.option("--env", "environment", metavar="ENV", required=True, help="Which environment.")
@click.option("--to", metavar="VERSION", help="A tag or digest it had; otherwise the last good.")
@click.option("--image", metavar="NAME", help="Which image, where several are pinned.")
@click.option("--service", metavar="NAME", help="The ledger's name for it, if not the image's.")
@option
@click.option("--dry-run", is_flag=True, help="Show everything and change nothing.")
@click.option("--json", "as_json", is_flag=True, help="Print one JSON document.")
@click.pass_context
def rollback(
    command: click.Context,
    path: Path,
    environment: str,
    to: str | None,
    image: str | None,
    service: str | None,
    url: str | None,
    dry_run: bool,
    as_json: bool,
) -> None:
    """Pin the last good release that an environment below PATH had before.

    The candidates are in the git history of the file that pins it. Releases that failed there, or
    led to an incident, by the ledger, are skipped with a note; without --ledger it is the release
    before the present one, with --to the one you choose. Only the entry of `images` changes. The
    ledger records the next deployment as a rollback, as the environment had that release before.

    Exit status: 0 changed; 1 there is nothing to go back to; 2 the command could not run.

    \b
    Examples:
        python -m gitops rollback k8s --env prod --dry-run
        python -m gitops rollback k8s --env prod --to 1.4.2
    """  # noqa: D301 - \b is for click: what follows is not wrapped
    output = Output(as_json=as_json)
    clone, repository = Clone.of(path), Repository.open(path)
    clone.demand_history("what was declared before")
    config = Config.read(repository.root)
    environments = Environments.find(repository)
    pin = choose(environments, environment, image)
    where, service = environments.of(pin), service or environments.service(pin)
    ledger = connect(url) if url else None
    found = Judgement()
    found.demand_committed(clone, repository, pin.file)
    found.demand_writable(repository, pin.file)
    if ledger is None:
        found.notes.append("no ledger was asked which releases were good")
    known = history.earlier(clone, pin)
    chosen, passed = None if to is None else history.choose(known, to), list[str]()
    for each in [] if chosen else known:
        fault = history.fault(
            each.release,
            needs_digest=not is_tag_enough(config, pin.overlay.name),
            ledger=ledger,
            service=service,
            environment=where,
        )
        if not fault:
            chosen = each
            break
        passed.append(f"skipped {each.release}: {fault}")
    if chosen is None:
        file = repository.relative(pin.file)
        what_to_do = "choose one with --to" if known else f"the history of {file} has no other"
        found.reasons += [*passed, f"no earlier release is known to be good: {what_to_do}"]
    else:
        effect.demand(found, pin, chosen.release)
        declared = f"last declared by {chosen.commit[:12]} of {chosen.at:%Y-%m-%d}"
        found.notes += [*passed, declared]
    release = chosen.release if chosen else pin.release
    title = f"Roll {service} in {where} back to {release.title}"
    path_in_clone = str(clone.path(pin.file))
    finish(command, output, [Proposal(title, pin, release, path_in_clone, found)], dry_run)
