"""Overlays compared, object by object, without generated hashes and Secret values."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass
from functools import cached_property
from typing import Any

from gitops.checks.immutable import identity
from gitops.diff.values import ABSENT, Change, Hidden, compare
from gitops.jobs import Answer
from gitops.objects import Object
from gitops.refusals import reason

HASHED = "-<hash>"  # stands for a generated hash, so that a name with one is not a name without
GENERATED = ("ConfigMap", "Secret")
# `kubectl apply` keeps a copy of the whole object here, a Secret's values included.
COPIES = ("kubectl.kubernetes.io/last-applied-configuration",)


@dataclass(frozen=True, eq=False)
class ObjectDiff:
    """An object that is added, removed or changed."""

    old: Object | None
    new: Object | None

    @property
    def object(self) -> Object:
        """The object as it is now, or was."""
        found = self.new or self.old
        assert found  # noqa: S101 - one of them is there
        return found

    @property
    def state(self) -> str:
        """What happened to it."""
        return "added" if not self.old else "changed" if self.new else "removed"

    @property
    def title(self) -> str:
        """Its kind and name, with the namespace if it is added or removed."""
        each = self.object
        if self.state == "changed":
            return f"{each.kind} {each.name.removesuffix(HASHED)}"
        return f"{each.kind} {each.name}" + (f" in {each.namespace}" if each.namespace else "")

    @cached_property
    def changes(self) -> tuple[Change, ...]:
        """The parts that differ; all of them if it is added or removed."""
        old, new = (each.data if each else ABSENT for each in (self.old, self.new))
        return tuple(compare(old, new))


@dataclass(frozen=True, eq=False)
class OverlayDiff:
    """What an overlay renders to at the revision and now."""

    name: str
    state: str  # added, removed, changed, or unknown where one side does not render
    objects: tuple[ObjectDiff, ...] = ()
    error: str = ""

    @classmethod
    def of(cls, name: str, old: Answer | None, new: Answer | None) -> OverlayDiff | None:
        """Compare two renderings, None where there is no such overlay; None if they are alike."""
        for side, answer in (("as it is now", new), ("at the revision", old)):
            if answer and answer.error:
                return cls(
                    name, "unknown", error=f"{side}, it does not render: {reason(answer.error)}"
                )
        found = tuple(pairs(normal(old), normal(new)))
        if old and new:
            return cls(name, "changed", found) if found else None
        return cls(name, "added" if new else "removed", found)


def pairs(old: list[Object], new: list[Object]) -> Iterator[ObjectDiff]:
    """Yield each object that differs, in the order of kinds and names."""
    before, after = ({identity(each): each for each in side} for side in (old, new))
    for key in sorted(before.keys() | after.keys(), key=lambda key: (key[1:], key[0])):
        found = ObjectDiff(before.get(key), after.get(key))
        if found.changes:
            yield found


def normal(answer: Answer | None) -> list[Object]:
    """Return the objects of a rendering without hashes of generated names and Secret values."""
    objects = [Object(data) for data in answer.objects] if answer else []
    plain = {
        (each.kind, each.namespace, each.plain_name): each.name
        for each in objects
        if each.kind in GENERATED and each.plain_name != each.name
    }
    # Two of a name, each with a hash, are two things: neither is renamed.
    count = Counter(
        (e.kind, e.namespace, e.plain_name) for e in objects if e.name in plain.values()
    )
    names = {name: key[2] + HASHED for key, name in plain.items() if count[key] == 1}
    return [Object(hidden(renamed(each.data, names))) for each in objects]


def renamed(value: Any, names: dict[str, str]) -> Any:
    """Return a value with every text that is a generated name, as references are, replaced."""
    if isinstance(value, dict):
        return {key: renamed(each, names) for key, each in value.items()}
    if isinstance(value, list):
        return [renamed(each, names) for each in value]
    return names.get(value, value) if isinstance(value, str) else value


def hidden(data: dict[str, Any]) -> dict[str, Any]:
    """Return an object with its values hidden if it is a Secret."""
    if data.get("kind") != "Secret":
        return data
    found = dict(data)
    for section in ("data", "stringData"):
        if isinstance(found.get(section), dict):
            found[section] = {key: Hidden.of(each) for key, each in found[section].items()}
    metadata = dict(found.get("metadata") or {})
    annotations = metadata.get("annotations") or {}
    if any(key in annotations for key in COPIES):
        metadata["annotations"] = {
            key: Hidden.of(each) if key in COPIES else each for key, each in annotations.items()
        }
    return {**found, "metadata": metadata}
