"""Turn a fork into a repository of your own: its owner, and the hosts that it serves.

Every file below that names the present owner or hosts names the new ones; nothing else changes, so
that a second run changes nothing. `make doctor` then lists what only you can fill in.
"""

import argparse
import re
from collections.abc import Callable
from pathlib import Path

from gitops.revision import Clone
from tools import project
from tools.command import ROOT, ToolError, exit_with, say

# GitHub's rule for the names of users and organisations; in the name of an image it is lower case.
OWNER = re.compile(r"[A-Za-z0-9](-?[A-Za-z0-9]){0,38}")
LABEL = r"[a-z0-9]([a-z0-9-]{0,61}[a-z0-9])?"
HOST = re.compile(rf"{LABEL}(\.{LABEL})*\.[a-z]([a-z0-9-]{{0,61}}[a-z0-9])")  # RFC 1123
# The examples in these are run with data of their own, and belong to nobody.
EXAMPLES = ("docs/api.md", "docs/events.md")
PLACES = (
    *("k8s", ".github", "docs", "Dockerfile", "README.md", "SECURITY.md"),
    *("action.yaml", "gitops/formats", "tools/package"),  # the linter says where it is from
)

Rewrite = Callable[[str, str], str]  # a path and its text


def environments(host: str) -> dict[str, str]:
    """Return the host name of each environment, derived from that of prod; dev is on a laptop."""
    name, _, domain = host.partition(".")
    return {"dev": f"{name}.localhost", "staging": f"{name}.staging.{domain}", "prod": host}


def owned(old: str, new: str) -> Rewrite:
    """Return the rewrite of an owner in the names of images, repositories, pages and teams."""
    lower = new.lower()
    names = {
        rf"(?<=\bghcr\.io/){old}(?=/{project.NAME}\b)": lower,
        rf"(?<=\bgithub\.com[/:]){old}(?=/{project.NAME}\b)": new,
    }
    teams = {rf"(?<=(?<!\S)@){old}(?=[/\s]|$)": new}

    def rewrite(path: str, text: str) -> str:
        for pattern, name in (names | (teams if path.endswith("CODEOWNERS") else {})).items():
            text = re.sub(pattern, name, text, flags=re.IGNORECASE | re.MULTILINE)
        return text

    return rewrite


def hosted(old: dict[str, str], new: dict[str, str]) -> Rewrite:
    """Return the rewrite of the hosts in the manifests, in one pass: one may contain another."""
    named = {name: new[env] for env, name in old.items() if env in new}
    any_of = "|".join(re.escape(name) for name in sorted(named, key=len, reverse=True))
    pattern = re.compile(rf"(?<![\w.-])({any_of})(?![\w-]|\.\w)")

    def rewrite(path: str, text: str) -> str:
        if not path.startswith("k8s/"):
            return text
        return pattern.sub(lambda match: named[match[0]], text)

    return rewrite


def changes(root: Path, rewrites: list[Rewrite]) -> dict[str, tuple[str, str]]:
    """Return the old and the new text of every committed file that changes, by its path."""
    found: dict[str, tuple[str, str]] = {}
    # Of those with any text: a picture names nobody.
    for path in (
        Clone(root).git("grep", "-I", "--files-with-matches", "", "--", *PLACES).splitlines()
    ):
        if path in EXAMPLES:
            continue
        old = new = (root / path).read_text(encoding="utf-8")
        for rewrite in rewrites:
            new = rewrite(path, new)
        if new != old:
            found[path] = old, new
    return found


def lines(old: str, new: str) -> list[str]:
    """Return the lines that differ, old and new."""
    pairs = zip(old.splitlines(), new.splitlines(), strict=True)
    return [f"{a.strip()} -> {b.strip()}" for a, b in pairs if a != b]


def init(root: Path, owner: str | None, host: str | None) -> int:
    """Write the owner and the hosts into the repository; return how many files changed.

    Raises ToolError for an invalid name, and for a clone with changes.
    """
    rewrites: list[Rewrite] = []
    if owner is not None:
        if not OWNER.fullmatch(owner):
            raise ToolError(f"OWNER={owner} is not a valid name of a GitHub user or organisation")
        rewrites.append(owned(project.owner(root), owner))
    if host is not None:
        if not HOST.fullmatch(host):
            raise ToolError(f"HOST={host} is not a host name: give that of prod (slipway.acme.org)")
        rewrites.append(hosted(project.hosts(root), environments(host)))
    found = changes(root, rewrites)
    if found:
        Clone(root).demand_clean()
    for path, (old, new) in found.items():
        (root / path).write_text(new, encoding="utf-8")
        for line in lines(old, new):
            say(f"{path}: {line}")
    return len(found)


def main() -> None:
    """Run the tool."""
    parser = argparse.ArgumentParser(prog="python -m tools.setup.init", description=__doc__)
    parser.add_argument("--owner", metavar="NAME", help="the user or organisation on GitHub")
    parser.add_argument("--host", metavar="NAME", help="of prod; the others' follow from it")
    given = parser.parse_args()
    if not given.owner and not given.host:
        parser.error("say --owner, --host or both")
    count = init(ROOT, given.owner or None, given.host or None)
    summary = (
        f"{count} files changed: look at `git diff`, then commit" if count else "nothing to do"
    )
    say(f"{summary}; `make doctor` lists what remains")


if __name__ == "__main__":
    exit_with(main)
