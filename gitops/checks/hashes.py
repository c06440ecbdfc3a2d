"""References by the name of a generator, where the object that it makes has a hash in its name.

Kustomize puts the hash into the fields that it knows to be references; of a custom resource it
knows none, unless `configurations` say so.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

from gitops.checks.world import World
from gitops.findings import Finding

KINDS = ("ConfigMap", "Secret")
HINT = "name its field under `configurations` (nameReference), or set `disableNameSuffixHash`"


def check(world: World) -> Iterator[Finding]:
    """Yield each reference that has the name without the hash."""
    objects = world.rendered.objects
    names = {(each.kind, each.name) for each in objects if each.kind in KINDS}
    hashed = {
        (each.kind, each.plain_name): each.name
        for each in objects
        if each.kind in KINDS and each.plain_name != each.name
    }
    hashed = {what: name for what, name in hashed.items() if what not in names}
    for each in objects if hashed else ():
        for kind, name in sorted(set(references(each.data))):
            if found := hashed.get((kind, name)):
                message = f"{each.title} names {kind} {name}, which is {found}"
                yield world.rendered.finding("dangling", message, each, name, HINT)


def references(value: Any, kind: str = "") -> Iterator[tuple[str, str]]:
    """Yield what fields such as `configMapRef: {name: ...}` and `secretName` name, with its kind.

    `kind` is the one that the field which holds the value speaks of.
    """
    if isinstance(value, list):
        for each in value:
            yield from references(each, kind)
    elif isinstance(value, dict):
        for key, below in value.items():
            about = next((each for each in KINDS if each.lower() in str(key).lower()), "")
            is_name = isinstance(below, str) and str(key).lower().endswith("name")
            if is_name and (about or (key == "name" and kind)):
                yield about or kind, below
            elif not isinstance(below, str):
                yield from references(below, about)
