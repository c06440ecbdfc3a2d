"""The Applications that an ApplicationSet makes, as far as its repository tells them.

Clusters, pull requests and other repositories are known to no file: what is made of them stays a
template. https://argo-cd.readthedocs.io/en/stable/operator-manual/applicationset/Generators/
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator
from copy import copy
from pathlib import Path
from typing import Any

from yaml import Mark
from yaml.nodes import MappingNode, Node, SequenceNode

from gitops import nodes
from gitops.errors import GitopsError

Params = dict[str, str]
EXPRESSION = re.compile(r"\{\{-?\s*(?P<what>[^{}]*?)\s*-?\}\}")
# `index .path.segments 1`, as Go's templates have it.
INDEX = re.compile(r"index\s+\.?([\w.]+)\s+(\d+)")
NAME = re.compile(r"[^a-z0-9.-]+")


class Generators:
    """The generators of ApplicationSets in a clone."""

    def __init__(self, top: Path, is_own: Callable[[str], bool]) -> None:
        self._top = top
        self._is_own = is_own  # whether a URL means this repository

    def applications(self, document: Node) -> Iterator[Node]:
        """Yield the Applications that an ApplicationSet makes, at the lines of its template."""
        spec = nodes.get(document, "spec")
        template = nodes.get(spec, "template")
        if template is None:
            return
        patch = nodes.get(spec, "templatePatch")
        for _, generator in nodes.items(nodes.get(spec, "generators")):
            for params in self._params(generator, {}):
                yield patched(filled(template, params), patch, params)

    def _params(self, generator: Node, known: Params) -> Iterator[Params]:
        """Yield the parameters of a generator; those of one that nobody knows are none."""
        generator = filled(generator, known)
        elements = nodes.get(generator, "list", "elements")
        git = nodes.get(generator, "git")
        if elements is not None:
            for _, element in nodes.items(elements):
                yield known | flat(nodes.plain(element))
        elif git is not None and self._is_own(nodes.text(nodes.get(git, "repoURL"))):
            for found in (*self._folders(git), *self._files(git)):
                values = filled(nodes.get(git, "values"), found)
                yield known | found | flat(nodes.plain(values) if values else {}, "values")
        elif (matrix := nodes.get(generator, "matrix", "generators")) is not None:
            yield from self._product([each for _, each in nodes.items(matrix)], known)
        elif (merge := nodes.get(generator, "merge")) is not None:
            yield from self._merged(merge, known)
        else:
            yield known

    def _product(self, generators: list[Node], known: Params) -> Iterator[Params]:
        if not generators:
            yield known
            return
        for params in self._params(generators[0], known):
            yield from self._product(generators[1:], params)

    def _merged(self, merge: Node, known: Params) -> Iterator[Params]:
        """Yield the parameters of the first generator, with those of others that have its keys."""
        keys = [nodes.text(key) for _, key in nodes.items(nodes.get(merge, "mergeKeys"))]
        generators = [each for _, each in nodes.items(nodes.get(merge, "generators"))]
        first, *others = [[*self._params(each, known)] for each in generators] or [[]]
        for params in first:
            found = dict(params)
            for more in (more for other in others for more in other):
                if all(params.get(key) == more.get(key) for key in keys):
                    found |= more
            yield found

    def _folders(self, git: Node) -> Iterator[Params]:
        """Yield the parameters of the folders that a generator names: an exclusion always wins."""
        entries = [each for _, each in nodes.items(nodes.get(git, "directories"))]
        excluded = [each for each in entries if nodes.text(nodes.get(each, "exclude")) == "true"]
        found = {path for each in entries if each not in excluded for path in self._matches(each)}
        for path in sorted(found - {path for each in excluded for path in self._matches(each)}):
            if path.is_dir() and not any(part.startswith(".") for part in self._parts(path)):
                yield placed(git, self._parts(path))

    def _files(self, git: Node) -> Iterator[Params]:
        """Yield the parameters in the files that a generator names."""
        paths = (path for _, each in nodes.items(nodes.get(git, "files"))
                 for path in self._matches(each))  # fmt: skip
        for path in sorted(set(paths)):
            try:
                document = nodes.plain(nodes.read(path)[0]) if path.is_file() else None
            except (GitopsError, IndexError):
                continue
            for each in document if isinstance(document, list) else [document]:
                if isinstance(each, dict):
                    place = placed(git, self._parts(path.parent))
                    yield flat(each) | place | {"path.filename": path.name}

    def _matches(self, entry: Node) -> Iterator[Path]:
        pattern = nodes.text(nodes.get(entry, "path")).strip("/")
        try:
            yield from self._top.glob(pattern or ".")
        except (ValueError, NotImplementedError):
            return  # Argo CD refuses it, too

    def _parts(self, path: Path) -> tuple[str, ...]:
        return path.relative_to(self._top).parts


def placed(git: Node, parts: tuple[str, ...]) -> Params:
    """Return the parameters of a path, as both kinds of templates name them."""
    prefix = nodes.text(nodes.get(git, "pathParamPrefix"))
    key = f"{prefix}.path" if prefix else "path"
    last = parts[-1] if parts else "."
    whole = "/".join(parts) or "."
    found = {key: whole, f"{key}.path": whole, f"{key}.basename": last}
    found[f"{key}.basenameNormalized"] = NAME.sub("-", last.lower()).strip("-.")
    for number, part in enumerate(parts):
        found |= {f"{key}[{number}]": part, f"{key}.segments[{number}]": part}
    return found


def flat(value: Any, prefix: str = "") -> Params:
    """Return the scalars below a value by their paths."""
    if isinstance(value, dict):
        pairs = ((f"{prefix}.{key}" if prefix else str(key), below) for key, below in value.items())
    elif isinstance(value, list):
        pairs = ((f"{prefix}[{number}]", below) for number, below in enumerate(value))
    else:
        text = str(value).lower() if isinstance(value, bool) else str(value)
        return {prefix: text} if value is not None else {}
    return {path: text for key, below in pairs for path, text in flat(below, key).items()}


def filled(node: Any, params: Params) -> Any:
    """Return a copy of a node with the parameters in its texts, at the same lines."""

    def change(text: str) -> str:
        return EXPRESSION.sub(lambda found: value(found["what"], params) or found[0], text)

    return nodes.mapped(node, change)


def patched(application: Node, patch: Node | None, params: Params) -> Node:
    """Return an Application with what `templatePatch` adds, unless that needs more than parameters.

    https://argo-cd.readthedocs.io/en/stable/operator-manual/applicationset/Template/#template-patch
    """
    text = nodes.text(filled(patch, params)) if patch is not None else ""
    if patch is None or "{{" in text:
        return application
    try:
        (document,) = nodes.compose(text, "")
    except (GitopsError, ValueError):
        return application
    return laid(application, moved(document, patch))


def moved(node: Any, block: Node) -> Any:
    """Return a copy of a node in a block of text with the lines of the file that has the block."""
    result = copy(node)
    line = nodes.line(block) + node.start_mark.line
    result.start_mark = result.end_mark = Mark("", 0, line, 0, "", 0)
    if isinstance(node, MappingNode):
        result.value = [(moved(key, block), moved(its, block)) for key, its in node.value]
    elif isinstance(node, SequenceNode):
        result.value = [moved(item, block) for item in node.value]
    return result


def laid(old: Node | None, new: Node) -> Node:
    """Return a node with another one laid over it: only mappings are merged."""
    if not (isinstance(old, MappingNode) and isinstance(new, MappingNode)):
        return new
    result = copy(old)
    keys = {key for key, _ in nodes.items(new)}
    result.value = [pair for pair in old.value if pair[0].value not in keys]
    result.value += [(key, laid(nodes.get(old, key.value), its)) for key, its in new.value]
    return result


def value(expression: str, params: Params) -> str | None:
    """Return what an expression of a template stands for, if parameters tell."""
    name = INDEX.sub(r"\1[\2]", expression).removeprefix(".")
    return params.get(name)
