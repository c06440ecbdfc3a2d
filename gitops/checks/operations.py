"""JSON patches with operations that violate RFC 6902; kustomize accepts some of them."""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass, field

from yaml.nodes import Node, SequenceNode

from gitops import nodes, settings
from gitops.checks.context import Context
from gitops.checks.unknown import is_misspelt
from gitops.findings import Finding, Severity
from gitops.kustomization import Kustomization
from gitops.overlays import Overlay
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
# The keys of a ConfigMap or a Secret may be names of files.
DATA = ("/data/", "/binaryData/", "/stringData/")
WORD = re.compile(r"(?<![\w/-])[\w-]+(?:[./][\w.-]+)*")  # none of a path of a patch


def check(context: Context) -> Iterator[Finding]:
    """Yield each member of an operation that is missing or unknown, and each field that is."""
    vocabulary = Vocabulary(context)
    for overlay in filter(context.is_reached, context.repository.overlays):
        for kustomization in overlay.tree:
            for patch in patches(context.repository, kustomization):
                for document in patch.documents:
                    if isinstance(document, SequenceNode):
                        yield from faults(patch, document, overlay.name)
                        yield from replaced(vocabulary, patch, document, overlay)


@dataclass
class Vocabulary:
    """The words in the files of kustomizations, without those in the paths of patches."""

    context: Context
    _words: dict[Kustomization, set[str]] = field(default_factory=dict)
    _open: dict[Overlay, bool] = field(default_factory=dict)

    def lacks(self, overlay: Overlay, word: str) -> bool:
        """Tell whether nothing that an overlay includes has a word; never if not all is known."""
        if overlay not in self._open:
            self._open[overlay] = bool(overlay.aside) or any(map(self._is_open, overlay.tree))
        return not self._open[overlay] and not any(word in self._of(it) for it in overlay.tree)

    def _is_open(self, part: Kustomization) -> bool:
        """Tell whether a kustomization may bring words that are not read here, or cannot be."""
        is_whole = all(path.exists() for path in part.included())
        return not is_whole or self.context.sources_of(part).composes

    def of(self, overlay: Overlay) -> set[str]:
        """Return the words of what an overlay includes."""
        return {word for part in overlay.tree for word in self._of(part)}

    def _of(self, part: Kustomization) -> set[str]:
        if part not in self._words:
            found = WORD.findall(self.context.repository.text(part))
            self._words[part] = {one for word in found for one in (word, *word.split("."))}
        return self._words[part]


def replaced(
    vocabulary: Vocabulary, patch: Patch, document: Node, overlay: Overlay
) -> Iterator[Finding]:
    """Yield each `replace` of a field that no source of an overlay has: kustomize adds it."""
    for _, operation in nodes.items(document):
        name, path = (nodes.text(nodes.get(operation, key)) for key in ("op", "path"))
        key = settings.last(path.split("/")).replace("~1", "/").replace("~0", "~")
        if name != "replace" or not key or path.startswith(DATA):
            continue
        if WORD.fullmatch(key) and vocabulary.lacks(overlay, key):
            known = vocabulary.of(overlay)
            severity = Severity.ERROR if is_misspelt(key, known) else Severity.WARNING
            message = f"patch {patch.label}: replace {path}, and nothing has a field {key}"
            line = nodes.line(operation) + patch.first_line
            hint = "correct the path, or write `op: add` if the field is new"
            yield Finding(patch.file, line, "patch", message, (overlay.name,), hint, severity)


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
            # It is passed over, and nothing is missing.
            how = Severity.WARNING if needed <= given else Severity.ERROR
            hint = "RFC 6902, section 4"
            yield Finding(patch.file, line, "patch", message, (overlay,), hint, how)
