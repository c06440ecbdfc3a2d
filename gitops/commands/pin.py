"""`gitops pin`: pin the release that a pipeline has just published."""

from __future__ import annotations

from pathlib import Path

import click

from gitops.commands.promote import finish
from gitops.config import Config
from gitops.environments import Environments
from gitops.errors import GitopsError
from gitops.images import DIGEST, TAG
from gitops.output import Output
from gitops.promotion import effect
from gitops.promotion.judgement import Judgement, verify_signature
from gitops.promotion.proposal import Proposal
from gitops.releases import Release
from gitops.repository import Repository
from gitops.revision import Clone
from gitops.selection import choose


@click.command(short_help="Pin a published release in one environment.")
@click.argument(
    "path", type=click.Path(exists=True, file_okay=False, path_type=Path), default=Path()
)
@click.option("--env", "environment", metavar="ENV", required=True, help="Which environment.")
@click.option("--tag", metavar="TAG", required=True, help="What people call the release.")
@click.option("--digest", metavar="sha256:…", required=True, help="Of the image: it decides.")
@click.option("--image", metavar="NAME", help="Which image, where several are pinned.")
@click.option("--dry-run", is_flag=True, help="Show everything and change nothing.")
@click.option("--json", "as_json", is_flag=True, help="Print one JSON document.")
@click.pass_context
def pin(
    command: click.Context,
    path: Path,
    environment: str,
    tag: str,
    digest: str,
    image: str | None,
    dry_run: bool,
    as_json: bool,
) -> None:
    """Pin a release in the first environment below PATH; promotions take it further.

    Only the entry of `images` changes; comments and order stay. It is refused unless the signature
    verifies, if gitops.yaml asks for one. The diff and the text for a pull request are printed;
    you commit.

    Exit status: 0 pinned, or the same already; 1 refused; 2 the command could not run.

    \b
    Examples:
        python -m gitops pin k8s --env dev --tag 1.4.2 --digest sha256:…
    """  # noqa: D301 - \b is for click: what follows is not wrapped
    if not TAG.fullmatch(tag):
        raise GitopsError(f"--tag {tag}: letters, digits, dots, dashes and underscores only")
    if not DIGEST.fullmatch(digest):
        raise GitopsError(f"--digest {digest}: sha256: and 64 hexadecimal digits are needed")
    clone, repository = Clone.of(path), Repository.open(path)
    known = Environments.find(repository)
    chosen, new = choose(known, environment, image), Release(tag, digest)
    found = Judgement()
    found.demand_committed(clone, repository, chosen.file)
    found.demand_writable(repository, chosen.file)
    if new != chosen.release:
        verify_signature(found, f"{chosen.name}@{digest}", Config.read(repository.root))
        effect.demand(found, chosen, new)
    title = f"Release {known.service(chosen)} {tag} to {known.of(chosen)}"
    path_in_clone = str(clone.path(chosen.file))
    proposal = Proposal(title, chosen, new, path_in_clone, found)
    finish(command, Output(as_json=as_json), [proposal], dry_run)
