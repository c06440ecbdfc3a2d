"""A branch that is pushed and proposed, as gh is logged in."""

from pathlib import Path

from tools import project
from tools.command import say
from tools.github.gh import gh

CREDENTIALS = "credential.helper=!gh auth git-credential"  # for one push; nothing is stored
CHECKS = "ci.yaml"


def push(root: Path, branch: str) -> None:
    """Push what is checked out to a branch of the origin. Raises ToolError when it is refused."""
    argv = ("-c", "credential.helper=", "-c", CREDENTIALS, "push", "--quiet", "origin")
    project.git(*argv, f"HEAD:refs/heads/{branch}", root=root)


def propose(root: Path, branch: str, title: str, body: str) -> None:
    """Push what is checked out, open the pull request for it, print its address, and check it.

    It is for the repository's default branch. Raises ToolError when one of these is refused.
    """
    push(root, branch)
    told = ("--head", branch, "--title", title, "--body-file", "-")
    say(gh("pr", "create", *told, stdin=body, cwd=root).strip())
    # What GitHub's own token pushes starts no workflow, so that none starts itself for ever.
    gh("workflow", "run", CHECKS, "--ref", branch, cwd=root)
