"""Put an untrusted text on a pull request, as one comment that is kept up to date.

The text and the names come from a run that anybody may have started. So the pull request is looked
up by the commit that GitHub says was run, and the text is sent as data: nothing of it is run.
"""

import argparse
from pathlib import Path
from typing import Any

from tools.command import ToolError, exit_with, say
from tools.github.gh import get, send

MARKER = "<!-- gitops diff k8s -->"  # the first line that `make diff` writes
LONGEST = 65_536  # characters of a comment, for GitHub
BOT = "github-actions[bot]"


def read(path: Path) -> str:
    """Return the text of a file. Raises ToolError if it is not what `make diff` writes."""
    try:
        text = path.read_text(encoding="utf-8")
    except (OSError, ValueError) as error:
        raise ToolError(f"{path}: {error}") from None
    if text.partition("\n")[0] != MARKER:
        raise ToolError(f"{path} does not begin with {MARKER}: it is not what `make diff` writes")
    if len(text) > LONGEST:
        raise ToolError(f"{path} has {len(text)} characters, and a comment at most {LONGEST}")
    return text


def pull_request(repository: str, owner: str, branch: str, commit: str) -> int | None:
    """Return the number of the open pull request with a newest commit, or None."""
    found = get(f"repos/{repository}/pulls", state="open", head=f"{owner}:{branch}")
    return next(
        (candidate["number"] for candidate in found if candidate["head"]["sha"] == commit), None
    )


def ours(comment: dict[str, Any]) -> bool:
    """Return whether a comment is the one to replace: others can write the same first line."""
    body: str = comment["body"]
    return comment["user"]["login"] == BOT and body.startswith(MARKER)


def publish(repository: str, number: int, text: str) -> str:
    """Replace the comment on a pull request, or add it; return its address."""
    comments = get(f"repos/{repository}/issues/{number}/comments")
    old = next(filter(ours, comments), None)
    if old:
        path = f"repos/{repository}/issues/comments/{old['id']}"
        answer = send("PATCH", path, {"body": text})
    else:
        answer = send("POST", f"repos/{repository}/issues/{number}/comments", {"body": text})
    return str(answer["html_url"])


def main() -> None:
    """Run the tool."""
    parser = argparse.ArgumentParser(prog="python -m tools.github.comment", description=__doc__)
    parser.add_argument("file", metavar="FILE", type=Path, help="what `make diff` wrote")
    parser.add_argument("--repository", metavar="OWNER/NAME", required=True)
    parser.add_argument("--head-owner", metavar="NAME", required=True, help="whose branch it is")
    parser.add_argument("--head-branch", metavar="NAME", required=True)
    parser.add_argument("--head-commit", metavar="SHA", required=True, help="what was rendered")
    given = parser.parse_args()
    text = read(given.file)
    number = pull_request(given.repository, given.head_owner, given.head_branch, given.head_commit)
    if number is None:
        say(f"no open pull request has the newest commit {given.head_commit}: no comment")
        return
    say(publish(given.repository, number, text))


if __name__ == "__main__":
    exit_with(main)
