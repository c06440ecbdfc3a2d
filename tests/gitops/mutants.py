"""Repositories broken by one letter: every name that another place must agree with, in turn."""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

from yaml.nodes import MappingNode, Node, ScalarNode, SequenceNode

from gitops import nodes
from gitops.kustomization import NAMES

# In a kustomization: what it includes, what it is to match, and where it is to write.
KUSTOMIZATION = re.compile(
    r"(namespace|(resources|components)/\d+|patches/\d+/(path|target/\w+)|images/\d+/name"
    r"|\w+Generator/\d+/(name|behavior|literals/\d+)|labels/\d+/fields/\d+/(path|kind)"
    r"|replacements/.*)$"
)
# In a patch: what it is to match, and the name of each field.
PATCH = re.compile(r"\d+/(op|path)$|(apiVersion|kind|metadata/name)$|.*/name$")
# In a resource: names that others refer to, and references.
RESOURCE = re.compile(
    r"kind$|metadata/name$|.*/(secretName|serviceName|targetPort)$|.*scaleTargetRef/\w+$"
    r"|.*(configMapRef|volumes/\d+|volumeMounts/\d+|ports/\d+|service|port|claim)/name$"
    r"|.*(ports/\d+|httpGet)/port$|.*/volumeClaimTemplates/\d+/metadata/name$"
    r"|spec/template/metadata/labels/.*|.*[sS]elector/(?!matchLabels).*|.*matchLabels/.*"
)
SELECTOR = re.compile(r".*([sS]elector|matchLabels|template/metadata/labels)/[^/]*(/[^/]*)?$")


@dataclass(frozen=True)
class Mutant:
    """A file with one letter changed."""

    file: Path
    line: int
    what: str
    text: str

    def __str__(self) -> str:
        return f"{self.file}:{self.line}: {self.what}"


def mutants(root: Path, files: list[Path]) -> Iterator[Mutant]:
    """Yield every mutant of some files of a repository."""
    for file in files:
        text = (root / file).read_text(encoding="utf-8")
        for document in nodes.compose(text, str(file)):
            for path, scalar in names(document, kind(file, document)):
                yield from mutated(file, text, path, scalar)


def kind(file: Path, document: Node) -> str:
    """Return what a document is: part of a kustomization, a patch or a resource."""
    if file.name in NAMES:
        return "kustomization"
    is_patch = isinstance(document, SequenceNode) or file.name in ("sizes.yaml", "configmap.yaml")
    return "patch" if is_patch else "resource"


def names(document: Node, kind: str) -> Iterator[tuple[str, ScalarNode]]:
    """Yield each scalar that something else must agree with, keys included, with its path."""
    pattern = {"kustomization": KUSTOMIZATION, "patch": PATCH, "resource": RESOURCE}[kind]
    for path, node, is_key in scalars(document):
        if is_key:
            fields = kind == "patch" and not path.startswith(("metadata", "apiVersion", "kind"))
            wanted = fields or (kind == "resource" and SELECTOR.match(path))
        else:
            wanted = bool(pattern.match(path))
        if wanted and not (is_key and node.value in ("matchLabels", "matchExpressions")):
            yield path, node


def scalars(node: Node, path: str = "") -> Iterator[tuple[str, ScalarNode, bool]]:
    """Yield every scalar with its path, and whether it is a key."""
    if isinstance(node, ScalarNode):
        yield path.removesuffix("/"), node, False
    elif isinstance(node, MappingNode):
        for key, value in node.value:
            yield f"{path}{key.value.replace('/', '~1')}", key, True
            yield from scalars(value, f"{path}{key.value.replace('/', '~1')}/")
    elif isinstance(node, SequenceNode):
        for number, value in enumerate(node.value):
            yield from scalars(value, f"{path}{number}/")


def mutated(file: Path, text: str, path: str, scalar: ScalarNode) -> Iterator[Mutant]:
    """Yield the mutant in which the middle letter of a scalar is the next one of the alphabet."""
    value = scalar.value.partition("=")[0]  # of a literal, its key
    letters = [i for i, letter in enumerate(value) if letter.isascii() and letter.isalpha()]
    if not letters:
        return
    start = text.index(value, scalar.start_mark.index)
    at = start + letters[len(letters) // 2]
    letter = text[at]
    other = {"z": "a", "Z": "A"}.get(letter) or chr(ord(letter) + 1)
    changed = text[:at] + other + text[at + 1 :]
    became = changed[start : start + len(value)]
    line = scalar.start_mark.line + 1
    yield Mutant(file, line, f"{path}: {value} -> {became}", changed)
