"""`gitops.yaml`: what a repository declares about itself, with a reason for each entry.

environments: [dev, prod]  # names in the paths of overlays that must have the same objects
parity:      # objects and keys that only some of them have
  - {what: StatefulSet/postgres, only: [dev], reason: ...}
  - {what: "ConfigMap/app:DEBUG", only: [dev], reason: ...}
external:    # what exists in the cluster already
  - {what: Secret/app-database, reason: ...}
  - {what: "Pods/k8s-app=kube-dns", reason: ...}
accepted:    # findings that are intended
  - {rule: inert, file: base/configmap.yaml, what: DATABASE_HOST, reason: ...}
optional:    # components that no overlay includes, checked as a part of these overlays
  - {what: "components/*", only: [prod], reason: ...}
build:       # what `kustomize build` is given for these overlays
  - {what: "overlays/*", options: --enable-helm --load-restrictor LoadRestrictionsNone}
pins:                      # with this section, images need a digest
  tag-is-enough: [dev]     # but not in these overlays
schemas:
  locations: [...]         # as kubeconform takes them; a path is relative to this file
  kubernetes: [1.37.0]     # by default every version of the locations on disk
promotion:                 # what a release must have before it is promoted
  soak: 30m                # how long it has run where it comes from
  cosign-key: cosign.pub   # or cosign-identity and cosign-issuer: whose signature it has;
                           # in the identity, `*` stands for anything
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field
from fnmatch import fnmatchcase
from pathlib import Path
from typing import Any

from yaml.nodes import MappingNode, Node, ScalarNode, SequenceNode

from gitops import nodes
from gitops.errors import GitopsError
from gitops.findings import RULES

NAME = "gitops.yaml"
TAG_IS_ENOUGH = ("dev", "development", "local", "test")
# The entries of each section: what must be there, and what may be.
ENTRIES = {
    "parity": ({"what", "only", "reason"}, set[str]()),
    "external": ({"what", "reason"}, {"only"}),
    "accepted": ({"rule", "what", "reason"}, {"file"}),
    "optional": ({"what", "only", "reason"}, set[str]()),
    "build": ({"what", "options"}, {"reason"}),
}
TEXTS = {"promotion": {"soak", "cosign-key", "cosign-identity", "cosign-issuer"}}
LISTS = {"environments"}
SETTINGS = {"pins": {"tag-is-enough"}, "schemas": {"locations", "kubernetes"}}

SECTIONS = {*ENTRIES, *LISTS, *SETTINGS, *TEXTS}


@dataclass(eq=False)
class Entry:
    """A declaration, and whether a check has needed it."""

    what: str
    reason: str = ""
    line: int = 1
    options: str = ""
    only: tuple[str, ...] = ()
    rule: str = ""
    file: str = ""
    used: bool = False

    def means(self, name: str) -> bool:
        """Tell whether it applies to a name; `*` in it stands for anything."""
        return fnmatchcase(name, self.what)


@dataclass(eq=False)
class Config:
    """The declarations of a repository; none if it has no file."""

    file: Path
    parity: list[Entry] = field(default_factory=list)
    external: list[Entry] = field(default_factory=list)
    accepted: list[Entry] = field(default_factory=list)
    optional: list[Entry] = field(default_factory=list)
    build: list[Entry] = field(default_factory=list)
    environments: tuple[str, ...] = ()
    needs_digests: bool = False
    tag_is_enough: tuple[str, ...] = TAG_IS_ENOUGH
    locations: tuple[str, ...] = ()
    kubernetes: tuple[str, ...] = ()
    promotion: dict[str, str] = field(default_factory=dict)

    @classmethod
    def read(cls, root: Path) -> Config:
        """Read the file of a repository. Raises GitopsError with its line for an invalid entry."""
        config = cls(root / NAME)
        if not config.file.is_file():
            return config
        for document in nodes.read(config.file):
            for key, node in config._mapping(document, SECTIONS).items():
                if key in ENTRIES:
                    setattr(config, key, [config._entry(key, each) for each in config._list(node)])
                elif key in TEXTS:
                    texts = config._mapping(node, TEXTS[key])
                    setattr(config, key, {name: config._text(each) for name, each in texts.items()})
                elif key in LISTS:
                    setattr(config, key, tuple(map(config._text, config._list(node))))
                else:
                    config._settings(key, node)
        return config

    def is_external(self, what: str, is_named: Callable[[str], bool]) -> bool:
        """Tell whether something is declared to exist where an overlay of these names is."""
        found = [
            each
            for each in self.external
            if each.means(what) and (not each.only or any(map(is_named, each.only)))
        ]
        for each in found:
            each.used = True
        return bool(found)

    def _settings(self, section: str, node: Node) -> None:
        self.needs_digests |= section == "pins"
        for key, value in self._mapping(node, SETTINGS[section]).items():
            texts = tuple(self._text(each) for each in self._list(value))
            setattr(self, key.replace("-", "_"), texts)

    def _entry(self, section: str, node: Node) -> Entry:
        needed, allowed = ENTRIES[section]
        found = self._mapping(node, needed | allowed)
        if missing := sorted(needed - found.keys()):
            raise self._error(node, f"an entry of `{section}` lacks {' and '.join(missing)}")
        values: dict[str, Any] = {
            key: tuple(self._text(each) for each in self._list(value))
            if key == "only"
            else self._text(value)
            for key, value in found.items()
        }
        if values.get("rule", next(iter(RULES))) not in RULES:
            known = ", ".join(RULES)
            raise self._error(found["rule"], f"unknown rule `{values['rule']}`; known: {known}")
        return Entry(line=nodes.line(node), **values)

    def _mapping(self, node: Node, allowed: set[str]) -> dict[str, Node]:
        if not isinstance(node, MappingNode):
            raise self._error(node, "expected a mapping")
        found = {str(key): value for key, value in nodes.items(node)}
        for key in found:
            if key not in allowed:
                raise self._error(node, f"unknown key `{key}`; known: {', '.join(sorted(allowed))}")
        return found

    def _list(self, node: Node) -> list[Node]:
        if not isinstance(node, SequenceNode):
            raise self._error(node, "expected a list")
        return [each for _, each in nodes.items(node)]

    def _text(self, node: Node) -> str:
        if not isinstance(node, ScalarNode) or nodes.is_null(node) or not node.value.strip():
            raise self._error(node, "expected a text that is not empty")
        return str(node.value)

    def _error(self, node: Node, message: str) -> GitopsError:
        return GitopsError(f"{self.file}:{nodes.line(node)}: {message}")
