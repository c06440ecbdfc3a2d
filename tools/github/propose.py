"""Promote a release in a branch of its own, and open the pull request for it."""

import argparse
import json
import sys
from typing import Any

from tools import project
from tools.command import ROOT, ToolError, complain, exit_with, run, say
from tools.github import branch


def git(*arguments: str) -> str:
    """Run git in the clone and return what it prints. Raises ToolError when it fails."""
    return project.git(*arguments, root=ROOT)


def promote(source: str, target: str, *more: str) -> dict[str, Any]:
    """Return what `gitops promote` says. Raises ToolError when it could not judge."""
    argv = [sys.executable, "-m", "gitops", "promote", "k8s", "--from", source, "--to", target]
    done = run([*argv, "--json", *more], cwd=ROOT)
    try:
        said: dict[str, Any] = json.loads(done.stdout)
    except ValueError:
        raise complain(done, "gitops promote") from None
    if "error" in said:
        raise ToolError(f"gitops promote: {said['error']}")
    return said


def branch_of(target: str, release: dict[str, str]) -> str:
    """Return the name of the branch of a promotion: the same release has the same one."""
    return f"promote/{target}-{release['digest'].removeprefix('sha256:')[:12]}"


def is_proposed(branch: str) -> bool:
    """Tell whether the branch was pushed before; its pull request may be open, merged or closed."""
    return bool(git("ls-remote", "--heads", "origin", f"refs/heads/{branch}"))


def text(proposal: dict[str, Any]) -> str:
    """Return the body of the pull request: what the tool says of it, and the difference."""
    return f"{proposal['body']}\n\n```diff\n{proposal['diff']}\n```\n"


def propose(source: str, target: str, proposal: dict[str, Any], name: str) -> None:
    """Commit the promotion on its branch, push that, and open the pull request."""
    git("switch", "--force-create", name)  # it may be left of a push that failed
    try:
        promoted = promote(source, target)
        if not promoted["changed"]:
            raise ToolError(f"{target} was left as it is: {'; '.join(promoted['refused'])}")
        git("commit", "--message", proposal["title"], "--", proposal["file"])
        branch.propose(ROOT, name, proposal["title"], text(proposal))
    finally:
        git("checkout", "-")


def main() -> None:
    """Run the tool."""
    parser = argparse.ArgumentParser(prog="python -m tools.github.propose", description=__doc__)
    parser.add_argument("--from", dest="source", metavar="ENV", required=True)
    parser.add_argument("--to", dest="target", metavar="ENV", required=True)
    parser.add_argument("--if-ready", action="store_true", help="a refusal is no failure")
    given = parser.parse_args()
    proposal = promote(given.source, given.target, "--dry-run")
    name = branch_of(given.target, proposal["to"])
    if proposal["refused"]:
        refusal = f"{proposal['title']} is refused: {'; '.join(proposal['refused'])}"
        if not given.if_ready:
            raise ToolError(refusal)
        say(refusal)
    elif proposal["from"] == proposal["to"]:
        say(f"{given.target} declares {proposal['to']['tag']} already")
    elif is_proposed(name):
        say(f"{proposal['title']}: {name} is there already")
    else:
        propose(given.source, given.target, proposal, name)


if __name__ == "__main__":
    exit_with(main)
