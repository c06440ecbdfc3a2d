"""A gh that remembers what it opened and started, and refuses on demand."""

import json
import sys
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest

from tests.tools.conftest import put_first

PROGRAM = """#!{python} -IS
import json, pathlib, subprocess, sys

path, origin = pathlib.Path({state!r}), {origin!r}
state = json.loads(path.read_text())
words = sys.argv[1:]
command = " ".join(words[:2])


def option(name):
    return words[words.index("--" + name) + 1]


def tip(branch):
    said = ["git", "-C", origin, "rev-parse", "refs/heads/" + branch]
    return subprocess.run(said, capture_output=True, text=True, check=True).stdout.strip()


if command in state["refuses"]:
    sys.exit("GraphQL: " + command + " is refused")
if command == "pr list":
    found = [each for each in state["pulls"] if each["branch"] == option("head")]
    for each in found:
        if each["state"] == "OPEN" and not each["isCrossRepository"]:
            each["headRefOid"] = tip(each["branch"])
    print(json.dumps([{{key: each[key] for key in option("json").split(",")}} for each in found]))
elif command == "pr create":
    branch, number = option("head"), len(state["pulls"]) + 1
    own = [each for each in state["pulls"] if not each["isCrossRepository"]]
    if any(each["branch"] == branch and each["state"] == "OPEN" for each in own):
        sys.exit("a pull request for branch " + branch + " already exists")
    state["pulls"].append(dict(
        url="https://forge.example/pull/%d" % number, branch=branch, state="OPEN", number=number,
        title=option("title"), body=sys.stdin.read(), createdAt="2026-01-%02dT00:00:00Z" % number,
        headRefOid=tip(branch), isCrossRepository=False,
    ))
    print(state["pulls"][-1]["url"])
elif command == "run list":
    assert option("event") == "workflow_dispatch" and option("workflow") == "ci.yaml"
    print(json.dumps([dict(databaseId=1)] * state["checks"].count(option("commit"))))
elif command == "workflow run":
    state["checks"].append(tip(option("ref")))
else:
    sys.exit("nobody expects gh " + command)
path.write_text(json.dumps(state))
"""


@dataclass(frozen=True)
class Forge:
    """What is on GitHub, beside the repository."""

    state: Path

    @classmethod
    def put(cls, folder: Path, origin: Path, monkeypatch: pytest.MonkeyPatch) -> "Forge":
        """Put a gh of this forge before any real one."""
        state = folder / "forge.json"
        text = PROGRAM.format(python=sys.executable, state=str(state), origin=str(origin))
        put_first(folder / "bin" / "gh", text, monkeypatch)
        state.write_text('{"pulls": [], "checks": [], "refuses": []}', encoding="utf-8")
        return cls(state)

    def _read(self) -> dict[str, list[Any]]:
        found: dict[str, list[Any]] = json.loads(self.state.read_text(encoding="utf-8"))
        return found

    @property
    def pulls(self) -> list[dict[str, Any]]:
        return self._read()["pulls"]

    @property
    def checks(self) -> list[str]:
        """The commits whose checks were started."""
        return self._read()["checks"]

    def refuse(self, *commands: str) -> None:
        """Refuse these commands from now on, and no others."""
        self.state.write_text(json.dumps(self._read() | {"refuses": commands}), encoding="utf-8")

    def decide(self, state: str) -> None:
        """Close or merge the newest pull request."""
        pulls = self.pulls
        pulls[-1]["state"] = state
        self._write(pulls)

    def from_fork(self, branch: str) -> None:
        """Open a pull request of a stranger's branch that has this name."""
        stranger = {"branch": branch, "isCrossRepository": True, "state": "OPEN"}
        known = {"url": "https://forge.example/pull/666", "headRefOid": "", "number": 666}
        pulls = [*self.pulls, stranger | known | {"createdAt": "2026-02-01T00:00:00Z"}]
        self._write(pulls)

    def _write(self, pulls: list[dict[str, Any]]) -> None:
        self.state.write_text(json.dumps(self._read() | {"pulls": pulls}), encoding="utf-8")
