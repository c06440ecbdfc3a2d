"""Scan the rendered overlays with kube-score: whatever it calls critical must be excused.

k8s/exceptions.yaml excuses a control for an object in some overlays, with a reason, an owner and
the last day it holds. An exception that has expired or excuses nothing is a fault, as a finding is.
"""

import argparse
import json
from dataclasses import dataclass
from datetime import UTC, date, datetime, timedelta
from pathlib import Path

import yaml
from pydantic import BaseModel, ConfigDict, Field, TypeAdapter, ValidationError

from tools import overlay, schemas
from tools.command import ROOT, ToolError, complain, exit_with, run, say

EXCEPTIONS = ROOT / "k8s" / "exceptions.yaml"
CRITICAL = 1  # kube-score's lowest grade
LONGEST = timedelta(days=366)  # or nobody would look at an exception again


@dataclass(frozen=True, order=True)
class Finding:
    """A control that an object of an overlay fails."""

    overlay: str
    object: str
    control: str


class Exemption(BaseModel):
    """An entry of k8s/exceptions.yaml."""

    model_config = ConfigDict(extra="forbid", frozen=True)
    control: str = Field(min_length=1)
    object: str = Field(pattern="^[A-Z][A-Za-z]+/[a-z0-9.-]+$")
    overlays: list[str] = Field(min_length=1)
    reason: str = Field(min_length=20)
    owner: str = Field(min_length=1)
    expires: date

    def findings(self) -> set[Finding]:
        """Return the findings that this excuses."""
        return {Finding(env, self.object, self.control) for env in self.overlays}


def read(path: Path = EXCEPTIONS) -> list[Exemption]:
    """Return the exceptions of a file. Raises ToolError with every fault in it."""
    try:
        content = yaml.safe_load(path.read_text(encoding="utf-8"))
        return TypeAdapter(list[Exemption]).validate_python(content)
    except ValidationError as error:
        told = [f"{'.'.join(map(str, each['loc']))}: {each['msg']}" for each in error.errors()]
        raise ToolError(f"{path.name}: {'; '.join(told)}") from None
    except (OSError, yaml.YAMLError) as error:
        raise ToolError(f"{path.name}: {error}") from None


def scan(env: str, text: str) -> dict[Finding, str]:
    """Return what kube-score finds critical in an overlay's manifests, with what it says."""
    minor = schemas.minors(schemas.source())[0].rpartition(".")[0]
    done = run(
        [
            ROOT / ".tools" / "kube-score",
            *("score", "--output-format", "json", "--kubernetes-version", f"v{minor}"),
            # An annotation would excuse an object with no reason and for ever.
            *("--disable-ignore-checks-annotations", "-"),
        ],
        stdin=text,
        missing="`make scan` builds it",
    )
    try:
        objects = json.loads(done.stdout)
    except ValueError:
        raise complain(done, "kube-score") from None
    found: dict[Finding, str] = {}
    for each in objects or []:
        name = f"{each['type_meta']['kind']}/{each['object_meta']['name']}"
        for result in each["checks"]:
            if result["grade"] == CRITICAL and not result["skipped"]:
                said = dict.fromkeys(comment["summary"] for comment in result["comments"])
                found[Finding(env, name, result["check"]["id"])] = "; ".join(said)
    return found


def faults(found: dict[Finding, str], exemptions: list[Exemption], today: date) -> list[str]:
    """Return a line for every finding that is not excused and every exception that must go."""
    excused = {finding for each in exemptions for finding in each.findings()}
    lines = [
        f"{finding.overlay}: {finding.object} fails {finding.control}: {said}"
        for finding, said in sorted(found.items())
        if finding not in excused
    ]
    for each in exemptions:
        which = f"the exception of {each.control} for {each.object}"
        if each.expires < today:
            lines.append(f"{which} expired on {each.expires}: ask {each.owner}, or mend it")
        if each.expires > today + LONGEST:
            lines.append(f"{which} holds until {each.expires}: a year is the longest")
        lines += [
            f"{which} excuses nothing in {finding.overlay}: take it away"
            for finding in sorted(each.findings() - found.keys())
        ]
    return lines


def main() -> None:
    """Run the tool."""
    argparse.ArgumentParser(prog="python -m tools.scan", description=__doc__).parse_args()
    exemptions = read()
    found: dict[Finding, str] = {}
    environments = overlay.environments()
    for env in environments:
        critical = scan(env, overlay.render(overlay.OVERLAYS / env))
        say(f"{env}: {len(critical)} critical findings")
        found |= critical
    told = faults(found, exemptions, datetime.now(UTC).date())
    for line in told:
        say(f"  {line}")
    if told:
        raise ToolError(f"{len(told)} faults in {len(environments)} overlays and their exceptions")
    say(f"every finding is among the {len(exemptions)} exceptions of k8s/exceptions.yaml")


if __name__ == "__main__":
    exit_with(main)
