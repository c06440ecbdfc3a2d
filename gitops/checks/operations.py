"""JSON patches with operations that violate RFC 6902; kustomize accepts some of them."""

from __future__ import annotations

from collections.abc import Iterator

from yaml.nodes import Node, SequenceNode

from gitops import nodes
from gitops.checks.context import Context
from gitops.findings import Finding
from gitops.patches import Patch, patches

# RFC 6902, section 4: what each operation has beside `op` and `path`.
MEMBERS = {
    "add": "value",
    "replace": "value",
    "test": "value",
    "move": "from",
    "copy": "from",
    "remove": "",
}


def check(context: Context) -> Iterator[Finding]:
    """Yield each member of an operation that is missing or unknown."""
    for overlay in context.repository.overlays:
        for kustomization in overlay.tree:
            for patch in patches(context.repository, kustomization):
                for document in patch.documents:
                    if isinstance(document, SequenceNode):
                        yield from faults(patch, document, overlay.name)


def faults(patch: Patch, document: Node, overlay: str) -> Iterator[Finding]:
    """Yield the members of a JSON patch's operations that are missing or unknown."""
    for _, operation in nodes.items(document):
        name, path = (nodes.text(nodes.get(operation, key)) for key in ("op", "path"))
        given = {str(key) for key, _ in nodes.items(operation)}
        if name not in MEMBERS:
            continue  # kustomize refuses it
        needed = {"op", "path", MEMBERS[name]} - {""}
        for key in sorted(needed - given):
            message = f"patch {patch.label}: {name} {path} has no `{key}`"
            line = nodes.line(operation) + patch.first_line
            yield Finding(patch.file, line, "patch", message, (overlay,), "RFC 6902, section 4")
        for key in sorted(given - needed):
            message = f"patch {patch.label}: {name} {path} has an unknown `{key}`"
            line = nodes.key_line(operation, key) + patch.first_line
            yield Finding(patch.file, line, "patch", message, (overlay,), "RFC 6902, section 4")
