"""JSON patches with operations that violate RFC 6902; kustomize accepts some of them."""

from __future__ import annotations

import re
from collections.abc import Iterator

from yaml.nodes import Node, SequenceNode

from gitops import nodes, settings
from gitops.checks.context import Context
from gitops.checks.sources import Sources
from gitops.findings import Finding
from gitops.patches import Patch, patches
from gitops.repository import Overlay, Repository

# RFC 6902, section 4: what each operation has beside `op` and `path`.
MEMBERS = {
    "add": "value",
    "replace": "value",
    "test": "value",
    "move": "from",
    "copy": "from",
    "remove": "",
}
# The keys of a ConfigMap or a Secret may be names of files.
DATA = ("/data/", "/binaryData/", "/stringData/")


def check(context: Context) -> Iterator[Finding]:
    """Yield each member of an operation that is missing or unknown, and each value that is."""
    for overlay in context.repository.overlays:
        for kustomization in overlay.tree:
            for patch in patches(context.repository, kustomization):
                for document in patch.documents:
                    if isinstance(document, SequenceNode):
                        yield from faults(patch, document, overlay.name)
                        yield from replaced(context.repository, patch, document, overlay)


def replaced(
    repository: Repository, patch: Patch, document: Node, overlay: Overlay
) -> Iterator[Finding]:
    """Yield each `replace` of a field that no source of an overlay has: kustomize adds it."""
    if overlay.aside or any(Sources(repository, part).composes for part in overlay.tree):
        return
    for _, operation in nodes.items(document):
        name, path = (nodes.text(nodes.get(operation, key)) for key in ("op", "path"))
        key = settings.last(path.split("/")).replace("~1", "/").replace("~0", "~")
        if name != "replace" or not key or path.startswith(DATA):
            continue
        word = re.compile(rf"(?<![\w/-]){re.escape(key)}(?![\w-])")
        if not any(word.search(repository.text(part)) for part in overlay.tree):
            message = f"patch {patch.label}: replace {path}, and nothing has a field {key}"
            line = nodes.line(operation) + patch.first_line
            hint = "correct the path, or write `op: add` if the field is new"
            yield Finding(patch.file, line, "patch", message, (overlay.name,), hint)


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
