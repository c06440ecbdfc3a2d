"""Promote a release in a branch of its own, and open the pull request for it."""

import argparse
import json
import sys
from typing import Any

from gitops.revision import Clone
from tools.command import ROOT, ToolError, exit_with, failure, run, say
from tools.github import branch


def git(*arguments: str) -> str:
    """Run git in the clone and return what it prints. Raises ToolError when it fails."""
    return Clone(ROOT).git(*arguments)


def promote(source: str, target: str, *more: str) -> dict[str, Any]:
    """Return the JSON of `gitops promote`. Raises ToolError if it could not run."""
    argv = [sys.executable, "-m", "gitops", "promote", "k8s", "--from", source, "--to", target]
    done = run([*argv, "--json", *more], cwd=ROOT)
    try:
        answer: dict[str, Any] = json.loads(done.stdout)
    except ValueError:
        raise failure(done, "gitops promote") from None
    if "error" in answer:
        raise ToolError(f"gitops promote: {answer['error']}")
    return answer


def branch_of(target: str, release: dict[str, str]) -> str:
    """Return the branch of a promotion: the same for the same release."""
    return f"promote/{target}-{release['digest'].removeprefix('sha256:')[:12]}"


def text(proposal: dict[str, Any]) -> str:
    """Return the body of the pull request: the text of the promotion, and the diff."""
    return f"{proposal['body']}\n\n```diff\n{proposal['diff']}\n```\n"


def propose(source: str, target: str, proposal: dict[str, Any], name: str) -> None:
    """Commit the promotion on its branch, push that, and open the pull request.

    If a step fails, the clone is restored.
    """
    git("switch", "--force-create", name)  # a failed push may have left it
    try:
        promoted = promote(source, target)
        if not promoted["changed"]:
            raise ToolError(f"{target} was not changed: {'; '.join(promoted['refused'])}")
        git("commit", "--message", proposal["title"], "--", proposal["file"])
        branch.propose(ROOT, name, proposal["title"], text(proposal))
    finally:
        git("restore", "--staged", "--worktree", "--", proposal["file"])
        git("checkout", "-")


def decided(proposal: dict[str, Any], name: str) -> str | None:
    """Return how the pull request of a promotion was decided; None if it is open or missing."""
    found = branch.pull_request(ROOT, name)
    if found is None or found.is_open:
        return None
    how = "merged, and the release taken back since" if found.state == "MERGED" else "closed"
    return f"{proposal['title']}: {found.url} was {how}; `make propose` proposes it again"


def main() -> None:
    """Run the tool."""
    parser = argparse.ArgumentParser(prog="python -m tools.github.propose", description=__doc__)
    parser.add_argument("--from", dest="source", metavar="ENV", required=True)
    parser.add_argument("--to", dest="target", metavar="ENV", required=True)
    parser.add_argument(
        "--if-ready",
        action="store_true",
        help="what is refused is no failure, and what somebody has closed stays closed",
    )
    given = parser.parse_args()
    proposal = promote(given.source, given.target, "--dry-run")
    name = branch_of(given.target, proposal["to"])
    if proposal["refused"]:
        refusal = f"{proposal['title']} is refused: {'; '.join(proposal['refused'])}"
        if not given.if_ready:
            raise ToolError(refusal)
        say(refusal)
    elif proposal["from"] == proposal["to"]:
        say(f"{given.target} already declares {proposal['to']['tag']}")
    elif given.if_ready and (decision := decided(proposal, name)):
        say(decision)
    else:
        propose(given.source, given.target, proposal, name)


if __name__ == "__main__":
    exit_with(main)
