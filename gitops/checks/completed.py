"""What an overlay lacks alone, and the overlays that include it do not: its parts are elsewhere."""

from __future__ import annotations

from collections import defaultdict
from dataclasses import replace
from pathlib import Path

from gitops.checks.context import Context
from gitops.findings import Finding, Severity

HINT = "nothing is missing in the overlays that include this one"


def completed(context: Context, findings: list[Finding]) -> list[Finding]:
    """Return the findings, as notes where an overlay lacks what all that include it have."""
    above = {
        overlay.name: {
            other.name
            for other in context.repository.overlays
            if other.folder != overlay.folder and overlay.top.own in other.tree and not other.aside
        }
        for overlay in context.repository.overlays
    }
    places: dict[tuple[str, Path, int], set[str]] = defaultdict(set)
    for each in findings:
        places[each.rule, each.file, each.line].update(each.overlays)
    return [
        replace(each, severity=Severity.NOTE, hint=HINT)
        if each.rule == "dangling"
        and each.overlays
        and all(
            above.get(name) and above[name].isdisjoint(places[each.rule, each.file, each.line])
            for name in each.overlays
        )
        else each
        for each in findings
    ]
