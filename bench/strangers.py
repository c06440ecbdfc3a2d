"""Check public repositories as somebody would who has never seen them, and count what is told.

They are fetched into a folder unless they are there, and checked without network and without a
cache. bench/strangers.yaml names them with their commits, and which errors somebody has looked at:
`right` and `wrong` have their fingerprints. The table is printed as Markdown.
"""

from __future__ import annotations

import argparse
import json
import subprocess
import sys
from collections import Counter
from dataclasses import dataclass, field
from pathlib import Path
from resource import RUSAGE_CHILDREN, getrusage
from typing import Any

import yaml

from tools.command import ROOT, ToolError, exit_with, say

LIST = Path(__file__).with_suffix(".yaml")
HEAD = """\
| repository | commit | overlays | CPU | errors | right | wrong | not judged | warnings | notes |
| --- | --- | ---: | ---: | ---: | ---: | ---: | ---: | ---: | ---: |"""


@dataclass(frozen=True)
class Stranger:
    """A public repository at a commit, and the errors that somebody has judged."""

    repository: str
    commit: str
    right: list[str] = field(default_factory=list)
    wrong: list[str] = field(default_factory=list)

    def fetched(self, folder: Path) -> Path:
        """Return its clone in a folder, fetched unless it is there."""
        clone = folder / self.repository.replace("/", "+")
        if not clone.is_dir():
            url = f"https://github.com/{self.repository}"
            for argv in (
                ["git", "init", "--quiet", str(clone)],
                ["git", "-C", str(clone), "fetch", "--quiet", "--depth=1", url, self.commit],
                ["git", "-C", str(clone), "checkout", "--quiet", "FETCH_HEAD"],
            ):
                subprocess.run(argv, check=True)
        return clone

    def checked(self, clone: Path) -> tuple[dict[str, Any], float]:
        """Return what `gitops check` says of a clone, and the CPU time in seconds it took.

        Raises ToolError if the check fails, or has a fault of its own.
        """
        before = spent()
        argv = [sys.executable, "-m", "gitops", "check", str(clone), "--json", "--notes"]
        done = subprocess.run(
            [*argv, "--no-cache", "--fail-on", "never"], cwd=ROOT, check=False, capture_output=True
        )
        if done.returncode:
            raise ToolError(f"{self.repository}: {done.stderr.decode()[-2000:]}")
        return json.loads(done.stdout), spent() - before

    def row(self, found: dict[str, Any], seconds: float) -> list[int | float | str]:
        """Return its row of the table."""
        counts = Counter(each["severity"] for each in found["findings"])
        errors = [e["fingerprint"] for e in found["findings"] if e["severity"] == "error"]
        right, wrong = (sum(e in known for e in errors) for known in (self.right, self.wrong))
        left = len(errors) - right - wrong
        told = [counts["error"], right, wrong, left, counts["warning"], counts["note"]]
        return [self.repository, self.commit[:7], len(found["overlays"]), round(seconds, 1), *told]


def spent() -> float:
    """Return the CPU time in seconds of all processes that were run so far."""
    used = getrusage(RUSAGE_CHILDREN)
    return used.ru_utime + used.ru_stime


def main() -> None:
    """Print the table, or with --verbose each error that nobody has judged, before it."""
    parser = argparse.ArgumentParser(prog="python -m bench.strangers", description=__doc__)
    parser.add_argument("folder", type=Path, help="with the clones, or for them")
    parser.add_argument("--only", action="append", default=[], metavar="REPOSITORY")
    parser.add_argument("--verbose", action="store_true")
    asked = parser.parse_args()
    rows = []
    for entry in yaml.safe_load(LIST.read_text(encoding="utf-8")):
        each = Stranger(**entry)
        if asked.only and each.repository not in asked.only:
            continue
        found, seconds = each.checked(each.fetched(asked.folder))
        rows.append(each.row(found, seconds))
        for one in found["findings"] if asked.verbose else ():
            judged = one["fingerprint"] in (*each.right, *each.wrong)
            if one["severity"] == "error" and not judged:
                place = f"{each.repository}/{one['file']}:{one['line']}"
                say(f"{one['fingerprint']} {place}: {one['message']}")
    total = [sum(column) for column in zip(*(row[2:] for row in rows), strict=True)]
    say(HEAD)
    for row in [*rows, ["**all**", "", *total]]:
        cells = [f"{cell:.1f} s" if isinstance(cell, float) else str(cell) for cell in row]
        say(f"| {' | '.join(cells)} |")


if __name__ == "__main__":
    exit_with(main)
