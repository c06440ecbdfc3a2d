"""Schemas: each object is valid for each Kubernetes version, as kubeconform judges it."""

from __future__ import annotations

import json
import re
import tempfile
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

from gitops import kubeconform, optional
from gitops.cache import digest
from gitops.checks import served
from gitops.checks.context import Context, Rendered
from gitops.checks.unknown import is_misspelt, is_open
from gitops.findings import Finding
from gitops.kubeconform import Verdict
from gitops.objects import Object

Verdicts = dict[int, list[Verdict]]  # by the number of the overlay
NEWEST = ("master",)  # kubeconform's own default
# Where a fault is: a JSON pointer (RFC 6901).
PLACE = re.compile(r"at '(?P<pointer>[^']*)': ")
SOPS = "sops"  # what SOPS adds to an object that it encrypts, and takes away before it is applied


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
    with ThreadPoolExecutor() as pool:
        judged = pool.map(lambda version: verdicts(context, version, locations), versions)
        found = dict(zip(versions, judged, strict=True))
    yield from findings(context, found)


def verdicts(context: Context, version: str, locations: tuple[str, ...]) -> Verdicts:
    """Return what kubeconform says of each overlay, in this run or in an earlier one."""
    asked = supported(context, version)
    found: Verdicts = {}
    entries: dict[int, str] = {}
    state = kubeconform.state(version, locations) if context.cache else None
    if context.cache and state is not None:
        for number in asked:
            entries[number] = f"schema-{digest(state, context.rendered[number].digest)}"
            known = kubeconform.read(context.cache.get(entries[number]))
            if known is not None:
                found[number] = known
    left = [number for number in asked if number not in found]
    found |= judged(context, left, version, locations)
    for number in left:
        if context.cache and number in entries:
            context.cache.put(entries[number], kubeconform.written(found[number]))
    return found


def judged(
    context: Context, numbers: list[int], version: str, locations: tuple[str, ...]
) -> Verdicts:
    """Return what kubeconform says of some overlays."""
    found: Verdicts = {number: [] for number in numbers}
    if not numbers:
        return found
    with tempfile.TemporaryDirectory(prefix="gitops-") as folder:
        files = []
        for number in numbers:
            files.append(Path(folder) / f"{number}.yaml")
            # JSON is YAML, and quicker to write and to read.
            objects = (json.dumps(plain(each)) for each in context.rendered[number].objects)
            files[-1].write_text("\n---\n".join(objects), encoding="utf-8")
        for verdict in kubeconform.validate(files, version, locations):
            found[int(Path(verdict.file).stem)].append(verdict)
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


def plain(thing: Object) -> dict[str, Any]:
    """Return an object without what SOPS adds to one that it encrypts."""
    return {key: value for key, value in thing.data.items() if key != SOPS}


def findings(context: Context, verdicts: dict[str, Verdicts]) -> Iterator[Finding]:
    """Yield each fault once, with the versions that have it."""
    versions: dict[tuple[int, str, str], list[str]] = {}
    things: dict[tuple[int, str, str], Object] = {}
    unknown: set[str] = set()
    known = names(context, verdicts)
    for version, number, each in told(verdicts):
        thing = subject(context.rendered[number], each)
        if not each.is_known and is_custom(thing, known):
            unknown.add(each.kind)
            continue
        for fault in faults(thing, each):
            key = number, thing.title, fault
            versions.setdefault(key, []).append(version)
            things[key] = thing
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


def names(context: Context, verdicts: dict[str, Verdicts]) -> set[str]:
    """Return the groups and kinds that are known: by a schema, or by their definition."""
    found = [each for _, _, each in told(verdicts) if each.is_known]
    known = {*served.GROUPS, *(each.kind for each in found)}
    known |= {each.version.rpartition("/")[0] for each in found}
    for rendered in context.rendered:
        for each in rendered.objects:
            if each.kind == "CustomResourceDefinition":
                known |= {str(each.get("spec", "group")), str(each.get("spec", "names", "kind"))}
    return known


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
