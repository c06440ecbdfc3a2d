"""List the programs that are installed, and what a team must still fill in to release its fork.

Only a missing program is a failure. What remains to be filled in is none: dev runs without any of
it, staging and prod do not.
"""

import ipaddress
import os
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

from gitops.doctor import inspect
from gitops.output import Output
from tools import overlay, project
from tools.cluster.deploy import UNRELEASED
from tools.command import ROOT, ToolError, exit_with, say

# Wider than this, a range is the placeholder that lets any private address be the database's.
SUBNET = 16
CODE_OWNERS = Path(".github/CODEOWNERS")


@dataclass(frozen=True)
class Step:
    """Something to do: where, the present state, and how."""

    place: str
    now: str
    how: str

    def __str__(self) -> str:
        return f"{self.place}: {self.now}: {self.how}"


def ownership(root: Path) -> Iterator[Step]:
    """Yield what remains for `make init`."""
    if (owner := project.owner(root)) == project.UPSTREAM:
        place = f"image ghcr.io/{owner}/{project.NAME}"
        yield Step(place, "belongs to upstream", "make init OWNER=")
    for env, host in project.hosts(root).items():
        if project.RESERVED.search(host):
            yield Step(f"host of {env}", f"{host} is a placeholder", "make init HOST=")
    if (file := root / CODE_OWNERS).is_file() and f"@{project.UPSTREAM}" in file.read_text("utf-8"):
        yield Step(str(CODE_OWNERS), f"asks @{project.UPSTREAM} for reviews", "make init OWNER=")


def environment(env: str, among: list[overlay.Object]) -> Iterator[Step]:
    """Yield what an overlay still lacks: database, subnet, release."""
    file = f"k8s/overlays/{env}/kustomization.yaml"
    host = overlay.find(among, "ConfigMap")["data"].get("SLIPWAY_DATABASE_HOST", "")
    if project.RESERVED.search(host):
        yield Step(file, f"the database {host} is a placeholder", "set SLIPWAY_DATABASE_HOST")
    wide = sorted({cidr for cidr in ranges(among) if ipaddress.ip_network(cidr).prefixlen < SUBNET})
    if wide:
        file = f"k8s/overlays/{env}/networkpolicy.yaml"
        yield Step(file, f"egress to the database is open to {', '.join(wide)}", "name its subnet")
    if any(UNRELEASED in str(manifest) for manifest in among):
        yield Step(f"k8s/overlays/{env}/release", "no release is promoted yet", "make promote")


def ranges(among: list[overlay.Object]) -> Iterator[str]:
    """Yield every range of addresses that a NetworkPolicy of an overlay lets pods reach."""
    for policy in among:
        if policy["kind"] == "NetworkPolicy":
            for rule in policy["spec"].get("egress", []):
                for peer in rule.get("to", []):
                    if "ipBlock" in peer:
                        yield peer["ipBlock"]["cidr"]


def ledger() -> Iterator[Step]:
    """Yield the variables that `make promote` and `make status` need to reach a ledger."""
    if not os.environ.get("LEDGER_URL"):
        yield Step("LEDGER_URL", "is not set: no ledger is asked", "docs/gitops.md")
    if not any(os.environ.get(name) for name in ("LEDGER_TOKEN", "LEDGER_TOKEN_FILE")):
        yield Step("LEDGER_TOKEN", "is not set, nor LEDGER_TOKEN_FILE", "docs/gitops.md")


def main() -> None:
    """Run the tool."""
    output, found = Output(as_json=False), inspect()
    for check in found:
        output.say(str(check))
    output.say()
    steps = [*ownership(ROOT)]
    for env in overlay.environments():
        steps += environment(env, overlay.rendered(env))
    steps += ledger()
    for step in steps:
        say(f"remains  {step}")
    say(f"{len(steps)} steps remain" if steps else "nothing remains: this repository is your own")
    if missing := [check.name for check in found if not check.is_well]:
        raise ToolError(f"not installed: {', '.join(missing)}")


if __name__ == "__main__":
    exit_with(main)
