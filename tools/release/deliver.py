"""Deliver the release that was just pinned in an environment to the main branch.

DELIVERY says how: pull-request, for a person to merge; or push, where the branch's rules allow it.
"""

import argparse
import os
from pathlib import Path

from gitops.pins import pins
from gitops.repository import Repository
from gitops.revision import Clone
from tools.command import ROOT, ToolError, exit_with, say
from tools.github import branch
from tools.overlay import OVERLAYS

WAYS = ("pull-request", "push")


def pinned(changed: list[str]) -> str:
    """Return the one changed file. Raises ToolError unless it is that of a release."""
    if len(changed) != 1 or not Path(changed[0]).match(f"{OVERLAYS}/*/release/*"):
        found = ", ".join(changed) or "nothing"
        raise ToolError(f"expected one changed file, in a release/ folder, but found: {found}")
    return changed[0]


def declaring(root: Path, tag: str) -> list[str]:
    """Return the environments that declare the release of a tag."""
    repository, version = Repository.open(root / OVERLAYS), tag.removeprefix("v")
    return [
        overlay.folder.name
        for overlay in repository.overlays
        if any(pin.release.tag == version for pin in pins(repository, overlay).values())
    ]


def deliver(root: Path, tag: str, way: str, main_branch: str) -> None:
    """Commit the pin, and push it or propose it; what was merged before needs neither."""
    if way not in WAYS:
        raise ToolError(f"DELIVERY={way}: it is {' or '.join(WAYS)}")
    clone = Clone(root)
    changed = clone.git("diff", "--name-only", "HEAD").splitlines()
    if not changed and (environments := declaring(root, tag)):
        say(f"{tag} is already declared: {', '.join(environments)}")
        return
    file = pinned(changed)
    env = Path(file).parts[len(OVERLAYS.parts)]
    title = f"Release {tag} to {env}"
    before = clone.commit("HEAD")
    clone.git("commit", "--quiet", "--message", f"{title}.", "--", file)
    try:
        if way == "push":
            branch.push(root, main_branch)
            say(f"{title}: pushed to {main_branch}")
        else:
            body = f"Pins the image of {tag} by its digest, which the release pipeline has signed."
            branch.propose(root, f"release/{env}-{tag}", title, body)
    except ToolError:
        # A pin that is committed here alone would look delivered to the next call.
        clone.git("reset", "--soft", before)
        raise


def main() -> None:
    """Run the tool."""
    parser = argparse.ArgumentParser(prog="python -m tools.release.deliver", description=__doc__)
    parser.add_argument("--tag", required=True, help="of the release")
    parser.add_argument("--main", metavar="BRANCH", default="main", help="default: main")
    given = parser.parse_args()
    deliver(ROOT, given.tag, os.environ.get("DELIVERY") or WAYS[0], given.main)


if __name__ == "__main__":
    exit_with(main)
