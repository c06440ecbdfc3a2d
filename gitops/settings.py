"""Settings: the values of sources beneath their keys, and which objects they may get into."""

from __future__ import annotations

import re
from base64 import b64encode
from collections.abc import Iterator
from contextlib import suppress
from dataclasses import dataclass
from functools import partial
from pathlib import Path

from yaml.nodes import MappingNode, Node, ScalarNode, SequenceNode

from gitops import nodes, paths
from gitops.errors import GitopsError

VARIABLE = "$("
ANY = "*"  # as a key: what a file of variables has
# A name or a kind of a target that stands for no other: kustomize takes them for expressions.
PLAIN = re.compile(r"[A-Za-z0-9-]+")
# Its name is set by `namespace`, so an object of any name may be the rendered one.
RENAMED = "Namespace"
STEP = re.compile(r"(?:\\.|\[[^\]]*\]|[^.])+")
ITEM = re.compile(r"-|[0-9]+|\*|\[[^=]*=.*\]")  # of a list, in a path
QUOTED = re.compile(r"'.*'|\".*\"", re.DOTALL)
# Sections of configurations whose fields get what no source has beneath their keys.
COMPOSED = ("namespace", "namePrefix", "nameSuffix", "images", "replicas")
GENERATED = {"configMapGenerator": "ConfigMap", "secretGenerator": "Secret"}
DECIMAL = re.compile(r"0|[1-9][0-9]*")
# Numbers as YAML 1.1 and 1.2 have them, and Go's parser of both.
NUMBER = re.compile(r"[-+]?\.?[0-9][0-9A-Fa-fox_.+-]*")
TRUE, FALSE = {"true", "yes", "on", "y"}, {"false", "no", "off", "n"}


@dataclass(frozen=True, slots=True)
class Scope:
    """The kind and the name of the objects that something may get into; empty for any."""

    kind: str = ""
    name: str = ""

    def has(self, kind: str, name: str) -> bool:
        """Tell whether a rendered object may be in it: kustomize only adds to a name."""
        return self.kind in ("", kind) and (self.name in name or kind == RENAMED)

    @classmethod
    def of_document(cls, document: Node) -> Scope:
        """Return the scope of an object, or of a patch that names its object."""
        kind = nodes.text(nodes.get(document, "kind"))
        name = nodes.text(nodes.get(document, "metadata", "name"))
        return cls() if kind.endswith("List") else cls(kind, name)

    @classmethod
    def of_target(cls, target: Node | None) -> Scope:
        """Return the scope of the target of a patch."""
        parts = [nodes.text(nodes.get(target, key)) for key in ("kind", "name")]
        return cls(*(part if PLAIN.fullmatch(part) else "" for part in parts))


EVERYWHERE = Scope()


@dataclass(frozen=True, slots=True)
class Setting:
    """A key, the texts that its value may be rendered as, and where it may get.

    No texts for a value that is not known or is no scalar; no path if it may be anywhere.
    """

    key: str
    texts: frozenset[str] = frozenset()
    scope: Scope = EVERYWHERE
    path: paths.Path | None = None

    def may_be_at(self, path: paths.Path | None) -> bool:
        """Tell whether it may be the value at a path."""
        return self.path is None or path is None or self.path == path


def below(
    key: str, node: Node | None, scope: Scope, path: paths.Path | None = None
) -> Iterator[Setting]:
    """Yield what a value sets: its key, those below, and the scalars of each list by its key."""
    if isinstance(node, SequenceNode):
        for item in node.value:
            is_scalar = isinstance(item, ScalarNode)
            its = path if is_scalar else paths.item(path, key, item)
            yield from below(key, item, scope, its)
    elif isinstance(node, MappingNode):
        yield Setting(key, frozenset(), scope, path)
        for its_key, value in node.value:
            name = str(its_key.value)
            yield from below(name, value, scope, paths.entry(path, name))
    else:
        yield Setting(key, texts(node), scope, path)


def texts(node: Node | None) -> frozenset[str]:
    """Return the texts that a scalar may be rendered as: as it is written, and by its value."""
    if not isinstance(node, ScalarNode) or nodes.is_null(node) or VARIABLE in node.value:
        return frozenset()
    found = {text(str(node.value))}
    if node.tag != "tag:yaml.org,2002:str" and not DECIMAL.fullmatch(node.value):
        with suppress(GitopsError, ValueError):  # it is written as a number, and is none
            found.add(text(nodes.plain(node)))
    return frozenset(found)


def text(value: object) -> str:
    """Return a scalar as a text that is the same for all ways to write a number or a truth value.

    That a text and a number are the same then does no harm: both count as sources.
    """
    said = str(value)
    if said.lower() in TRUE | FALSE:
        return str(said.lower() in TRUE).lower()
    if DECIMAL.fullmatch(said) or not NUMBER.fullmatch(said):
        return said
    plain = said.replace("_", "")
    for read in (float, partial(int, base=0), partial(int, base=8)):
        with suppress(ValueError, OverflowError):
            number = read(plain)
            return str(int(number)) if number == int(number) else repr(number)
    return said


def replicas(entry: Node) -> Setting:
    """Return what an entry of `replicas` sets."""
    scope = Scope("", nodes.text(nodes.get(entry, "name")))
    return Setting("replicas", texts(nodes.get(entry, "count")), scope)


def generated(generator: str, name: str, source: str, entry: str) -> Setting:
    """Return what a source of a generator sets, by its entry under literals, files or envs."""
    scope = Scope(GENERATED[generator], name)
    key, _, value = entry.partition("=")
    if source == "literals":
        value = value[1:-1] if QUOTED.fullmatch(value) else value
        if generator == "secretGenerator":
            value = b64encode(value.encode()).decode()
        return Setting(key, frozenset({text(value)}), scope)
    if source == "files":
        return Setting(key if value else Path(entry).name, frozenset(), scope)
    return Setting(ANY, frozenset(), scope)


def operated(operation: Node, scope: Scope) -> Iterator[Setting]:
    """Yield what an operation of a JSON patch sets."""
    key = last(nodes.text(nodes.get(operation, "path")).split("/"))
    key = key.replace("~1", "/").replace("~0", "~")
    yield from below(key, nodes.get(operation, "value"), scope)


def last(steps: list[str]) -> str:
    """Return the last key of a path, that of a list for one of its items."""
    names = [step for step in steps if step and not ITEM.fullmatch(step)]
    return names[-1] if names else ""


def replaced(replacement: Node) -> Iterator[Setting]:
    """Yield what a replacement sets, to a value that is not known."""
    for _, target in nodes.items(nodes.get(replacement, "targets")):
        scope = Scope.of_target(nodes.get(target, "select"))
        for _, path in nodes.items(nodes.get(target, "fieldPaths")):
            yield Setting(last(steps(nodes.text(path))), frozenset(), scope)
        if nodes.get(target, "fieldPaths") is None:
            yield Setting("name", frozenset(), scope)


def steps(path: str) -> list[str]:
    """Return the steps of a path of kustomize's: a dot may be escaped, or in brackets."""
    found = [step.replace("\\.", ".") for step in STEP.findall(path)]
    return [step if "=" in step else step.strip("[]") for step in found]


def configured(configuration: Node) -> Iterator[Setting]:
    """Yield the fields that a file of configurations lets kustomize set to what it composes."""
    for section in COMPOSED:
        for _, field in nodes.items(nodes.get(configuration, section)):
            key = last(nodes.text(nodes.get(field, "path")).split("/"))
            yield Setting(key, frozenset(), Scope(nodes.text(nodes.get(field, "kind"))))
