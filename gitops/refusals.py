"""Kustomize's errors, in its own words and without the wrapping, at the line they are about."""

from __future__ import annotations

import re
from collections.abc import Iterator
from pathlib import Path

from yaml.nodes import Node, ScalarNode

from gitops import nodes
from gitops.kustomization import NAMES, Kustomization
from gitops.repository import Repository

# Kustomize wraps each error in those of the folders that lead to it: only the last is news.
WRAPPED = re.compile(
    r"accumulat\w+ (?:resources|components)[^:]*: |recursed (?:accumulation|merging)[^:]*: "
)
# It tries an entry as a file, then as a folder, and tells both errors.
TRIED = re.compile(r"accumulation err='(?P<file>.*)': (?:must build at|\w+ err|)(?P<folder>.*)")
MISSING = re.compile(r"evalsymlink failure on '([^']*)' : lstat \S+: (.*)")
CONFIG = re.compile(r"trouble configuring (builtin \S+) with config: `.*?`: ", re.DOTALL)
# What Go prints of a generator, and of what identifies an object.
GENERATOR = re.compile(r"merging from generator &\{\S+ <nil>\}: ")
IDENTITY = re.compile(r'id resid\.ResId\{.*?Kind:"(\w*)".*?Name:"([^"]*)", Namespace:"[^"]*"\}')
LONGEST = 400
# Words that many lines have: they do not tell which one an error is about.
COMMON = ("kind", "apiVersion", "group", "version", "op", "behavior")


def reason(error: str, root: Path | None = None, top: Path | None = None) -> str:
    """Return kustomize's error in one line, with paths relative to a folder.

    `top` is the folder of the clone that this is in: the paths outside that are left as they are.
    """
    text = WRAPPED.sub("", CONFIG.sub(r"\1: ", error))
    while match := TRIED.fullmatch(" ".join(text.split())):
        inner = match["file"]
        text = match["folder"] if inner.endswith("must resolve to a file") else inner
        text = WRAPPED.sub("", text)
    text = MISSING.sub(r"\1: \2", " ".join(text.split()))
    text = IDENTITY.sub(r"\1 \2", GENERATOR.sub("", text))
    if root is not None:
        text = text.replace(f"{root}/", "").replace(str(root), ".")
        above = [each for each in root.parents if top and each.is_relative_to(top)]
        for steps, folder in enumerate(above, 1):
            text = text.replace(f"{folder}/", "../" * steps)
    return text if len(text) <= LONGEST else text[:LONGEST].rstrip() + " …"


def line_of(repository: Repository, parts: list[Kustomization], message: str) -> tuple[Path, int]:
    """Return the file and line that an error names: the longest text of them that is in it."""
    best = (0, parts[0].file, nodes.line(parts[0].node) if parts[0].delivers else 1)
    for file, scalar in [
        found for kustomization in parts for found in named(repository, kustomization)
    ]:
        text = str(scalar.value)
        word = rf"(?<![\w-]){re.escape(text)}(?![\w-])"
        if len(text) > max(best[0], 2) and re.search(word, message):
            best = (len(text), file, nodes.line(scalar))
    return best[1], best[2]


def named(
    repository: Repository, kustomization: Kustomization
) -> Iterator[tuple[Path, ScalarNode]]:
    """Yield the values of a kustomization, and the names of the objects in its other files."""
    for scalar in specific(kustomization.node):
        yield kustomization.file, scalar
    resources = {*kustomization.included()}
    for file in kustomization.files():
        if file.name not in NAMES and file not in resources:
            for document in repository.documents(file):
                name = nodes.get(document, "metadata", "name")
                if isinstance(name, ScalarNode):
                    yield file, name


def specific(node: Node) -> Iterator[ScalarNode]:
    """Yield the scalar values below a node, without those that many have."""
    for key, below in nodes.items(node):
        if isinstance(below, ScalarNode):
            if key not in COMMON:
                yield below
        else:
            yield from specific(below)
