"""Push a branch and open its pull request, with the credentials of gh.

Each step first looks at the present state, so that the next run completes one that failed.
"""

import json
from dataclasses import dataclass
from pathlib import Path

from gitops.revision import Clone
from tools.command import ToolError, say
from tools.github.gh import gh

CREDENTIALS = ("-c", "credential.helper=", "-c", "credential.helper=!gh auth git-credential")
CHECKS = "ci.yaml"


@dataclass(frozen=True)
class PullRequest:
    """A pull request of a branch: its address, whether it is open, and its newest commit."""

    url: str
    state: str  # OPEN, CLOSED or MERGED, in gh's words
    commit: str

    @property
    def is_open(self) -> bool:
        """Whether it waits for a decision."""
        return self.state == "OPEN"


def git(root: Path, *argv: str) -> str:
    """Run git with gh's credentials, which are not stored. Raises ToolError when it fails."""
    return Clone(root).git(*CREDENTIALS, *argv)


def pull_request(root: Path, branch: str) -> PullRequest | None:
    """Return the pull request of a branch: the open one, else the newest, if there is any.

    A fork's branch may have the same name: its pull requests are somebody else's.
    """
    fields = "createdAt,headRefOid,isCrossRepository,state,url"
    found = json.loads(
        gh("pr", "list", "--head", branch, "--state", "all", "--json", fields, cwd=root) or "[]"
    )
    own = [candidate for candidate in found if not candidate["isCrossRepository"]]
    if not own:
        return None
    newest = max(own, key=lambda candidate: (candidate["state"] == "OPEN", candidate["createdAt"]))
    return PullRequest(newest["url"], newest["state"], newest["headRefOid"])


def push(root: Path, branch: str) -> None:
    """Push what is checked out to a branch of the origin. Raises ToolError when it is refused."""
    git(root, "push", "--quiet", "origin", f"HEAD:refs/heads/{branch}")


def replace(root: Path, branch: str) -> None:
    """Push what is checked out in place of what a failed run has left on a branch.

    Raises ToolError if somebody has pushed another commit there.
    """
    reference = f"refs/heads/{branch}"
    left = git(root, "ls-remote", "origin", reference).partition("\t")[0]
    if left:
        git(root, "fetch", "--quiet", "origin", left)
        # By their subjects: a clone may have too little history to tell what is new on a branch.
        theirs, ours = (git(root, "log", "-1", "--format=%s", commit) for commit in (left, "HEAD"))
        if theirs != ours:
            why = f"the branch {branch} ends with {theirs!r}, which is not ours"
            raise ToolError(f"{why}: delete the branch, then run this again")
    lease = f"--force-with-lease={reference}:{left}"
    git(root, "push", "--quiet", lease, "origin", f"HEAD:{reference}")


def demand_same(root: Path, proposed: PullRequest) -> None:
    """Raise ToolError if an open pull request differs from what is checked out."""
    git(root, "fetch", "--quiet", "origin", proposed.commit)
    for file in git(root, "diff", "--name-only", "HEAD~1", "HEAD").splitlines():
        ours, theirs = (
            git(root, "show", f"{commit}:{file}") for commit in ("HEAD", proposed.commit)
        )
        if ours != theirs:
            raise ToolError(f"{proposed.url} is open with another {file}: merge or close it first")


def check(root: Path, branch: str, commit: str) -> None:
    """Start the checks of a commit, unless they are started already.

    The runs that a pull request of GitHub's own token starts wait until somebody approves them;
    those started by name do not.
    https://docs.github.com/en/actions/concepts/security/github_token
    """
    started = ("--workflow", CHECKS, "--event", "workflow_dispatch", "--commit", commit)
    if not json.loads(gh("run", "list", *started, "--json", "databaseId", cwd=root) or "[]"):
        gh("workflow", "run", CHECKS, "--ref", branch, cwd=root)


def propose(root: Path, branch: str, title: str, body: str) -> None:
    """Propose the commit that is checked out, print the pull request's address, and check it.

    It is for the repository's default branch. Raises ToolError when a step is refused: the next
    call goes on from there.
    """
    proposed = pull_request(root, branch)
    if proposed and proposed.is_open:
        demand_same(root, proposed)
        say(f"{title}: {proposed.url} is open")
        check(root, branch, proposed.commit)
        return
    replace(root, branch)
    options = ("--head", branch, "--title", title, "--body-file", "-")
    say(gh("pr", "create", *options, stdin=body, cwd=root).strip())
    check(root, branch, git(root, "rev-parse", "HEAD"))
