"""The findings of the checks, each with its place in a file."""

from __future__ import annotations

import os
from dataclasses import dataclass, replace
from enum import StrEnum
from pathlib import Path
from typing import Any

# What each rule finds; gitops/rules/ says why, with an example, and how to mend it.
RULES = {
    "file": "a file that is empty, cannot be read, or has one key twice",
    "render": "an overlay that kustomize refuses to render",
    "patch": "an operation of a JSON patch with a member missing or unknown",
    "deprecated": "a field of a kustomization that kustomize warns of",
    "api": "an API version that Kubernetes serves no longer, or discourages",
    "inert": "an override that changes nothing in any overlay",
    "parity": "an object or key that only some overlays have, without a declared reason",
    "pin": "an image without the tag or digest that its overlay needs",
    "dangling": "a reference to something that does not exist",
    "conflict": "objects or amounts that do not go together, or a name twice where one counts",
    "immutable": "a change that the cluster refuses on an object that exists",
    "schema": "an object that is not valid for a Kubernetes version",
    "unused": "a file or a component that no kustomization names",
    "namespace": "an overlay in the namespace of another environment, or in none",
    "configuration": "an exception that is no longer needed, or lacks its reason",
}


class Severity(StrEnum):
    """How much a finding matters, the worst first."""

    ERROR = "error"  # it will break, or is certainly a mistake
    WARNING = "warning"  # it may break, or is against a policy
    NOTE = "note"  # it is true and does no harm

    def is_at_least(self, other: Severity) -> bool:
        """Tell whether it matters as much as another, or more."""
        order = list(Severity)
        return order.index(self) <= order.index(other)


@dataclass(frozen=True, order=True)
class Finding:
    """A problem: where, what, in which overlays, how to fix it, and how much it matters."""

    file: Path
    line: int
    rule: str
    message: str
    overlays: tuple[str, ...] = ()
    hint: str = ""
    severity: Severity = Severity.ERROR

    @property
    def text(self) -> str:
        """The message with the overlays, in one line."""
        return f"{self.message} [{', '.join(self.overlays)}]" if self.overlays else self.message

    def document(self, root: Path) -> dict[str, Any]:
        """Return it for JSON, with a path relative to the folder that was checked."""
        return {
            "rule": self.rule,
            "severity": self.severity,
            "file": place(self.file, root),
            "line": self.line,
            "message": self.message,
            "overlays": list(self.overlays),
            "hint": self.hint,
        }


def place(file: Path, root: Path) -> str:
    """Return the path of a file relative to `root`, wherever the machine has them both."""
    return os.path.relpath(file, root)


def merged(findings: list[Finding]) -> list[Finding]:
    """Return the findings in order, with one for all the overlays that share it."""
    together: dict[Finding, set[str]] = {}
    for each in findings:
        together.setdefault(replace(each, overlays=()), set()).update(each.overlays)
    return sorted(
        replace(each, overlays=tuple(sorted(overlays))) for each, overlays in together.items()
    )


def worst_first(findings: list[Finding]) -> list[Finding]:
    """Return the findings by file: files with the worst finding first, lines in order in a file."""
    severities = list(Severity)
    worst: dict[Path, int] = {}
    for each in findings:
        rank = severities.index(each.severity)
        worst[each.file] = min(rank, worst.get(each.file, rank))
    return sorted(findings, key=lambda each: (worst[each.file], each))


def counted(number: int, noun: str) -> str:
    """Return a number with its noun, in the plural if need be."""
    return f"{number} {noun}{'s' * (number != 1)}"
