"""Schemas: each object is valid for each Kubernetes version, as kubeconform judges it."""

from __future__ import annotations

import json
import tempfile
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

from gitops import kubeconform, optional
from gitops.cache import digest
from gitops.checks.context import Context
from gitops.findings import Finding
from gitops.kubeconform import Verdict
from gitops.objects import Object

Verdicts = dict[int, list[Verdict]]  # by the number of the overlay
NEWEST = ("master",)  # kubeconform's own default


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
            objects = (json.dumps(each.data) for each in context.rendered[number].objects)
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


def findings(context: Context, verdicts: dict[str, Verdicts]) -> Iterator[Finding]:
    """Yield each fault once, with the versions that have it."""
    versions: dict[tuple[int, str, str, str], list[str]] = {}
    for version, answers in verdicts.items():
        for number, answer in sorted(answers.items()):
            for each in answer:
                for fault in each.faults:
                    key = number, each.kind, each.name, fault
                    versions.setdefault(key, []).append(version)
    for (number, kind, name, fault), having in versions.items():
        message = f"{kind} {name}: {fault} (Kubernetes {', '.join(having)})"
        thing = Object({"kind": kind, "metadata": {"name": name}})
        yield context.rendered[number].finding("schema", message, thing)
