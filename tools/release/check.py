"""Check that a tag may be released: it is the version, on the main branch, with a changelog.

The image that the overlays pull must be the one that is published.
"""

import argparse
import os
from pathlib import Path

from gitops.config import Config
from gitops.revision import Clone
from tools import project
from tools.command import ROOT, ToolError, exit_with, say
from tools.release import version
from tools.release.cosign import WORKFLOW


def check(root: Path, tag: str, main_branch: str, owner: str) -> None:
    """Raise ToolError, with the reason, if a tag may not be released."""
    now = version.current(root)
    if tag != f"v{now}":
        raise ToolError(f"the tag is {tag}, but the version in pyproject.toml is {now}")
    version.notes(root, now)
    clone = Clone(root)
    clone.demand_clean()
    clone.demand_history(f"whether {tag} is on {main_branch}")
    tagged, head = clone.commit(tag), clone.commit("HEAD")
    if tagged != head:
        raise ToolError(f"{tag} is {tagged[:12]}, and this clone is at {head[:12]}")
    if clone.git("merge-base", tagged, clone.commit(main_branch)) != tagged:
        raise ToolError(f"{tag} ({tagged[:12]}) is not on {main_branch}: merge it first, then tag")
    if (named := project.owner(root)) != owner.lower():
        raise ToolError(
            f"the overlays use the image of {named}, but {owner} publishes: make init OWNER={owner}"
        )
    demand_signer(root, os.environ.get("GITHUB_REPOSITORY"))


def demand_signer(root: Path, repository: str | None) -> None:
    """Raise ToolError if gitops.yaml asks for the signature of another workflow than ours.

    Otherwise all would be published and signed before the first pin is refused.
    """
    config = Config.read(root / "k8s")
    wanted = config.promotion.get("cosign-identity")
    ours = f"https://github.com/{repository}/{WORKFLOW}@"
    if repository and wanted and not wanted.startswith(ours):
        file = config.file.relative_to(root)
        raise ToolError(f"{file} asks for the signature of {wanted}: it should be {ours}…")


def main() -> None:
    """Run the tool."""
    parser = argparse.ArgumentParser(prog="python -m tools.release.check", description=__doc__)
    parser.add_argument("--tag", required=True, help="checked out, as it is pushed")
    parser.add_argument("--main", metavar="REV", default="origin/main", help="default: origin/main")
    parser.add_argument("--owner", help="who publishes; default: whom the overlays name")
    given = parser.parse_args()
    check(ROOT, given.tag, given.main, given.owner or project.owner())
    say(f"{given.tag} may be released")


if __name__ == "__main__":
    exit_with(main)
