"""Findings as JSON."""

from __future__ import annotations

from typing import Any

from gitops.baseline import fingerprints
from gitops.formats.report import Report


def document(report: Report) -> dict[str, Any]:
    """Return the findings, and what was checked."""
    names = fingerprints(report.found, report.root)
    return {
        "path": str(report.path),
        "overlays": [*report.overlays],
        "components": [*report.variants],
        "kubernetes": [*report.kubernetes],
        "findings": [
            {**finding.document(report.root), "fingerprint": name}
            for finding, name in zip(report.found, names, strict=True)
        ],
        "since": report.since,
        "overlays_unchecked": report.unchecked,
        "notes_hidden": report.notes_hidden,
        "baseline_hidden": report.known,
        "baseline_mended": report.mended,
        "failures": report.failures,
        "skipped": report.skipped,
    }
