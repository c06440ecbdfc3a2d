"""Schemas: each object is valid for each Kubernetes version, as kubeconform judges it."""

from __future__ import annotations

import re
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from gitops import definitions, kubeconform, optional
from gitops.cache import digest
from gitops.checks import served
from gitops.checks.context import Context, Rendered
from gitops.checks.unknown import is_misspelt, is_open
from gitops.checks.validated import validated
from gitops.findings import Finding, counted
from gitops.kubeconform import Verdict
from gitops.objects import Object

Verdicts = dict[int, list[Verdict]]  # by the number of the overlay
NEWEST = ("master",)  # kubeconform's own default
# Where a fault is: a JSON pointer (RFC 6901).
PLACE = re.compile(r"at '(?P<pointer>[^']*)': ")


def check(context: Context) -> Iterator[Finding]:
    """Yield each fault, with the Kubernetes versions that it is one in."""
    locations = context.locations or tuple(
        resolved(each, context.config.file.parent) for each in context.config.locations
    )
    if not locations:
        context.skipped["schema"] = "no --schema-location, and none in gitops.yaml"
        return
    if not context.rendered:
        return
    declared = context.kubernetes or context.config.kubernetes
    versions = declared or kubeconform.versions_of(locations) or NEWEST
    context.validated = versions
    # One after the other: kubeconform takes all cores, and a quarter of the memory.
    found = {version: verdicts(context, version, locations) for version in versions}
    yield from findings(context, found, known(context, found, locations))


def verdicts(context: Context, version: str, locations: tuple[str, ...]) -> Verdicts:
    """Return what kubeconform says of each overlay, in this run or in an earlier one."""
    asked = supported(context, version)
    found: Verdicts = {}
    entries: dict[int, str] = {}
    state = kubeconform.state(version, locations) if context.cache else None
    if context.cache and state is not None:
        for number in asked:
            entries[number] = f"schema-{digest(state, context.rendered[number].digest)}"
            kept = kubeconform.read(context.cache.get(entries[number]))
            if kept is not None:
                found[number] = kept
    left = {n: context.rendered[n].objects for n in asked if n not in found}
    judged = validated((it for objects in left.values() for it in objects), version, locations)
    for number, objects in left.items():
        found[number] = [verdict for it in objects for verdict in judged[id(it.data)]]
        if context.cache and number in entries:
            context.cache.put(entries[number], kubeconform.written(found[number]))
    return found


def supported(context: Context, version: str) -> list[int]:
    """Return the numbers of the overlays, and of the components that are for a version."""
    found = []
    for number, each in enumerate(context.rendered):
        if optional.supports(each.overlay, version):
            found.append(number)
        elif each.overlay.component:
            name = context.repository.relative(each.overlay.component.folder)
            context.skipped[f"schema of {name}"] = f"Kubernetes {version}: it needs a newer one"
    return found


def resolved(location: str, folder: Path) -> str:
    """Return a location of gitops.yaml; a path in it is relative to that file."""
    outside = location == "default" or "://" in location or location.startswith("/")
    return location if outside else str(folder / location)


def findings(context: Context, verdicts: dict[str, Verdicts], known: set[str]) -> Iterator[Finding]:
    """Yield each fault once, with the versions that have it; `known` are groups and kinds."""
    versions: dict[tuple[int, str, str], list[str]] = {}
    things: dict[tuple[int, str, str], Object] = {}
    unknown: set[str] = set()
    unread: dict[str, str] = {}
    for version, number, each in told(verdicts):
        thing = subject(context.rendered[number], each)
        if each.faults and each.faults[0].startswith(kubeconform.UNREAD):
            unread[thing.title] = each.faults[0]
            continue
        if not each.is_known and is_custom(thing, known):
            unknown.add(each.kind)
            continue
        for fault in faults(thing, each):
            key = number, thing.title, fault
            versions.setdefault(key, []).append(version)
            things[key] = thing
    if unread:
        why = next(iter(unread.values()))
        context.failures.append(f"schema: {counted(len(unread), 'object')} not validated: {why}")
    if unknown:
        context.skipped["schema of custom resources"] = f"no schema of {', '.join(sorted(unknown))}"
    for key, having in versions.items():
        number, title, fault = key
        message = f"{title}: {fault} (Kubernetes {', '.join(having)})"
        yield context.rendered[number].finding("schema", message, things[key])


def told(verdicts: dict[str, Verdicts]) -> Iterator[tuple[str, int, Verdict]]:
    """Yield each verdict with the version and the number of the overlay."""
    for version, answers in verdicts.items():
        for number, answer in sorted(answers.items()):
            for each in answer:
                yield version, number, each


def known(context: Context, verdicts: dict[str, Verdicts], locations: tuple[str, ...]) -> set[str]:
    """Return the groups and kinds that are known: by a schema, or by their definition.

    Those in overlays that are not asked about count only if there is one that is not known.
    """
    every = [verdict for _, _, verdict in told(verdicts)]
    rendered = context.rendered
    if context.reach is not None and not all(verdict.is_known for verdict in every):
        rendered = context.all_rendered
        others = {(it.data.get("apiVersion"), it.kind): it for r in rendered for it in r.objects}
        for version in verdicts:
            judged = validated(others.values(), version, locations)
            every += [verdict for some in judged.values() for verdict in some]
    found = {*served.GROUPS, *(verdict.kind for verdict in every if verdict.is_known)}
    found |= {verdict.version.rpartition("/")[0] for verdict in every if verdict.is_known}
    for thing in (thing for each in rendered for thing in each.objects):
        if thing.kind == definitions.KIND:
            found |= {str(thing.get("spec", "group")), str(thing.get("spec", "names", "kind"))}
    return found


def is_custom(thing: Object, known: set[str]) -> bool:
    """Tell whether a kind without a schema is one that somebody may have defined.

    The group of a custom resource has a dot. A group or kind that is one letter away from a known
    one is misspelt.
    """
    group, kind = thing.group, thing.kind
    if "." not in group or group in served.GROUPS:
        return False
    return not any(name not in known and is_misspelt(name, known) for name in (group, kind))


def subject(rendered: Rendered, verdict: Verdict) -> Object:
    """Return the object that a verdict is about."""
    for each in rendered.objects:
        its = str(each.data.get("apiVersion")), each.kind, each.name
        if its == (verdict.version, verdict.kind, verdict.name):
            return each
    metadata = {"name": verdict.name}
    return Object({"apiVersion": verdict.version, "kind": verdict.kind, "metadata": metadata})


def faults(thing: Object, verdict: Verdict) -> Iterator[str]:
    """Yield the faults of an object that are its own: not those of values that are filled in."""
    if not verdict.is_known:
        if not served.removed(thing):  # which another rule tells
            yield f"there is no {thing.kind} in {verdict.version}"
        return
    for fault in verdict.faults:
        place = PLACE.match(fault)
        if not (place and is_open(pointed(thing.data, place["pointer"]))):
            yield fault


def pointed(value: Any, pointer: str) -> Any:
    """Return the value at a JSON pointer; None if there is none."""
    for step in pointer.split("/")[1:]:
        key = step.replace("~1", "/").replace("~0", "~")
        if isinstance(value, list):
            value = value[int(key)] if key.isdigit() and int(key) < len(value) else None
        else:
            value = value.get(key) if isinstance(value, dict) else None
    return value
