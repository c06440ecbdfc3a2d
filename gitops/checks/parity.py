"""Parity: overlays of one base have the same objects and keys; differences are declared."""

from __future__ import annotations

from collections.abc import Iterator

from gitops.checks.context import Context, Rendered
from gitops.config import Entry
from gitops.findings import Finding, Severity
from gitops.objects import Object

HINT = "if it is intended, declare it under `parity` in gitops.yaml, with the reason"
Having = dict[str, dict[str, tuple[Rendered, Object]]]  # what: overlay: where


def check(context: Context) -> Iterator[Finding]:
    """Yield the objects and keys that only some overlays of a family have."""
    for family in families(context.applied):
        names = [each.overlay.name for each in family]
        found = holdings(family)
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


def families(rendered: list[Rendered]) -> list[list[Rendered]]:
    """Return the groups of sibling overlays that share a base or a component."""
    groups: list[list[Rendered]] = []
    for each in rendered:
        for group in groups:
            if side_by_side(each, group[0]) and any(shares(each, other) for other in group):
                group.append(each)
                break
        else:
            groups.append([each])
    return [group for group in groups if len(group) > 1]


def side_by_side(one: Rendered, other: Rendered) -> bool:
    """Tell whether two overlays are in the same folder."""
    return one.overlay.folder.parent == other.overlay.folder.parent


def shares(one: Rendered, other: Rendered) -> bool:
    """Tell whether two overlays include a folder in common."""
    return bool({*one.overlay.tree} & {*other.overlay.tree})


def holdings(family: list[Rendered]) -> Having:
    """Return each object, as Kind/name, and each key of a ConfigMap or Secret, as Kind/name:key."""
    found: Having = {}
    for each in family:
        for thing in each.objects:
            what = f"{thing.kind}/{common_name(thing, each)}"
            found.setdefault(what, {})[each.overlay.name] = each, thing
            if thing.kind in ("ConfigMap", "Secret"):
                for section in ("data", "stringData", "binaryData"):
                    for key in thing.get(section, default={}):
                        found.setdefault(f"{what}:{key}", {})[each.overlay.name] = each, thing
    return found


def common_name(thing: Object, rendered: Rendered) -> str:
    """Return a name without the prefix or suffix of its environment."""
    name = thing.plain_name
    top = rendered.overlay.top.data
    name = name.removeprefix(str(top.get("namePrefix", "")))
    name = name.removesuffix(str(top.get("nameSuffix", "")))
    environment = rendered.overlay.environment
    return name.removeprefix(f"{environment}-").removesuffix(f"-{environment}")


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
