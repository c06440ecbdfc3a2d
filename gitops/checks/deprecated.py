"""Fields of a kustomization that kustomize warns of whenever it renders."""

from __future__ import annotations

from collections.abc import Iterator

from gitops import nodes
from gitops.checks.context import Context
from gitops.findings import Finding, Severity

# What kustomize names in place of each, in api/types/kustomization.go.
FIELDS = {
    "bases": "resources",
    "commonLabels": "labels",
    "imageTags": "images",
    "patchesJson6902": "patches",
    "patchesStrategicMerge": "patches",
    "vars": "replacements",
}


def check(context: Context) -> Iterator[Finding]:
    """Yield each deprecated field, with the overlays that include its kustomization."""
    for overlay in context.answers:
        for part in overlay.tree:
            for field, new in FIELDS.items():
                if nodes.get(part.node, field) is not None:
                    line = nodes.key_line(part.node, field)
                    message, hint = f"`{field}` is deprecated", f"use `{new}`: kustomize edit fix"
                    names = (overlay.name,)
                    yield Finding(
                        part.file, line, "deprecated", message, names, hint, Severity.NOTE
                    )
