"""Schemas: each object is valid for each Kubernetes version, as kubeconform judges it."""

from __future__ import annotations

import tempfile
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

from gitops import kubeconform, optional
from gitops.checks.context import Context
from gitops.findings import Finding
from gitops.kubeconform import Verdict
from gitops.objects import Object

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
    with tempfile.TemporaryDirectory(prefix="gitops-") as folder:
        files = [Path(folder) / f"{number}.yaml" for number in range(len(context.rendered))]
        for file, each in zip(files, context.rendered, strict=True):
            file.write_text(each.yaml, encoding="utf-8")

        def validate(version: str) -> list[Verdict]:
            return kubeconform.validate(supported(context, files, version), version, locations)

        with ThreadPoolExecutor() as pool:
            verdicts = dict(zip(versions, pool.map(validate, versions), strict=True))
    yield from findings(context, verdicts)


def supported(context: Context, files: list[Path], version: str) -> list[Path]:
    """Return the files of the overlays, and of the components that are for a version."""
    found = []
    for file, each in zip(files, context.rendered, strict=True):
        if optional.supports(each.overlay, version):
            found.append(file)
        elif each.overlay.component:
            name = context.repository.relative(each.overlay.component.folder)
            context.skipped[f"schema of {name}"] = f"Kubernetes {version}: it needs a newer one"
    return found


def resolved(location: str, folder: Path) -> str:
    """Return a location of gitops.yaml; a path in it is relative to that file."""
    outside = location == "default" or "://" in location or location.startswith("/")
    return location if outside else str(folder / location)


def findings(context: Context, verdicts: dict[str, list[Verdict]]) -> Iterator[Finding]:
    """Yield each fault once, with the versions that have it."""
    versions: dict[tuple[int, str, str, str], list[str]] = {}
    for version, answer in verdicts.items():
        for each in answer:
            for fault in each.faults:
                key = int(Path(each.file).stem), each.kind, each.name, fault
                versions.setdefault(key, []).append(version)
    for (number, kind, name, fault), having in versions.items():
        message = f"{kind} {name}: {fault} (Kubernetes {', '.join(having)})"
        thing = Object({"kind": kind, "metadata": {"name": name}})
        yield context.rendered[number].finding("schema", message, thing)
