"""Parity: the declared environments have the same objects and keys; differences are declared."""

from __future__ import annotations

import re
from collections.abc import Iterator
from pathlib import PurePath

from gitops.checks.context import Context, Rendered
from gitops.config import Entry
from gitops.findings import Finding, Severity
from gitops.objects import Object

HINT = "if it is intended, declare it under `parity` in gitops.yaml, with the reason"
Having = dict[str, dict[str, tuple[Rendered, Object]]]  # what: overlay: where


def check(context: Context) -> Iterator[Finding]:
    """Yield the objects and keys that only some overlays of a family have."""
    environments = set(context.config.environments)
    for family in families(context.all_applied, environments) if environments else ():
        names = [each.overlay.name for each in family]
        found = holdings(family, environments)
        for what, having in found.items():
            # A key is not missing where its whole object is.
            # A name may have a colon (system:node), a key never has.
            owner, _, key = what.rpartition(":")
            whole = found.get(owner) or dict.fromkeys(names)
            missing = [name for name in whole if name not in having]
            if missing and not declared(context, what, family, set(having)):
                rendered, thing = next(iter(having.values()))
                message = f"{what} is in {', '.join(having)} and not in {', '.join(missing)}"
                file, line = rendered.sources.find(thing, key if owner in found else None)
                yield Finding(file, line, "parity", message, tuple(having), HINT, Severity.WARNING)


def families(rendered: list[Rendered], environments: set[str]) -> list[list[Rendered]]:
    """Return the groups of overlays that share a base or a component.

    Their paths are the same but for the name of the environment.
    """
    groups: list[list[Rendered]] = []
    for each in rendered:
        path = place(each, environments)
        for group in groups:
            together = any(shares(each, other) for other in group)
            if together and path == place(group[0], environments):
                group.append(each)
                break
        else:
            if "*" in path:
                groups.append([each])
    return [group for group in groups if len(group) > 1]


def place(rendered: Rendered, environments: set[str]) -> tuple[str, ...]:
    """Return the parts of an overlay's path, with `*` in place of an environment."""
    parts = PurePath(rendered.overlay.name).parts
    return tuple("*" if part in environments else part for part in parts)


def shares(one: Rendered, other: Rendered) -> bool:
    """Tell whether two overlays include a folder in common."""
    return bool({*one.overlay.tree} & {*other.overlay.tree})


def holdings(family: list[Rendered], environments: set[str]) -> Having:
    """Return each object, as Kind/name, and each key of a ConfigMap or Secret, as Kind/name:key."""
    found: Having = {}
    for each in family:
        for thing in each.objects:
            what = f"{thing.kind}/{common_name(thing, each, environments)}"
            found.setdefault(what, {})[each.overlay.name] = each, thing
            if thing.kind in ("ConfigMap", "Secret"):
                for section in ("data", "stringData", "binaryData"):
                    for key in thing.get(section, default={}):
                        found.setdefault(f"{what}:{key}", {})[each.overlay.name] = each, thing
    return found


def common_name(thing: Object, rendered: Rendered, environments: set[str]) -> str:
    """Return a name without the prefix, the suffix and the name of its environment."""
    top, name = rendered.overlay.top.data, thing.plain_name
    name = name.removeprefix(str(top.get("namePrefix", "")))
    name = name.removesuffix(str(top.get("nameSuffix", "")))
    for each in environments.intersection(PurePath(rendered.overlay.name).parts):
        word = rf"(?<![a-z0-9]){re.escape(each)}(?![a-z0-9])"
        name = re.sub(rf"^{word}$", "<environment>", name)
        name = re.sub(rf"{word}[-.]|[-.]{word}", "", name)
    return name


def declared(context: Context, what: str, family: list[Rendered], having: set[str]) -> bool:
    """Tell whether a difference is declared, for exactly the overlays that have it."""
    found = [each for each in context.config.parity if each.means(what)]
    for each in found:
        each.used = True
    return any(meant(each, family) == having for each in found)


def meant(entry: Entry, family: list[Rendered]) -> set[str]:
    """Return the overlays of a family that a declaration names."""
    return {
        each.overlay.name
        for each in family
        if any(each.overlay.is_named(name) for name in entry.only)
    }
