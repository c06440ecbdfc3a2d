"""Schemas: each object is valid for each Kubernetes version, as kubeconform sees it."""

from __future__ import annotations

import json
import re
import tempfile
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

from gitops import programs
from gitops.checks.context import Context
from gitops.findings import Finding
from gitops.objects import Object

VERSION = "{{.NormalizedKubernetesVersion}}"
# kubeconform tells every fault of an object in one text, each after the place where it is.
FAULT = re.compile(r"- (at '.*?': .*?)(?=\s+- at '|\s*$)", re.DOTALL)


def check(context: Context) -> Iterator[Finding]:
    """Yield each fault, with the versions that it is one in."""
    locations = context.locations or tuple(
        resolved(each, context.config.file.parent) for each in context.config.locations
    )
    if not locations:
        context.skipped["schema"] = "no --schema-location, and none in gitops.yaml"
        return
    versions = context.kubernetes or context.config.kubernetes or available(locations)
    with tempfile.TemporaryDirectory(prefix="gitops-") as folder:
        files = []
        for number, each in enumerate(context.rendered):
            files.append(Path(folder) / f"{number}.yaml")
            files[-1].write_text(each.yaml, encoding="utf-8")
        with ThreadPoolExecutor() as pool:
            answers = pool.map(lambda version: kubeconform(version, locations, files), versions)
            yield from findings(context, dict(zip(versions, answers, strict=True)))


def resolved(location: str, folder: Path) -> str:
    """Return a location of gitops.yaml; a path in it is relative to that file."""
    outside = location == "default" or "://" in location or location.startswith("/")
    return location if outside else str(folder / location)


def available(locations: tuple[str, ...]) -> tuple[str, ...]:
    """Return the versions that the locations on disk have, newest first, or kubeconform's own."""
    found: set[tuple[int, ...]] = set()
    for each in locations:
        before, version, _ = each.partition(VERSION)
        if version and Path(before).is_dir():
            names = [
                re.fullmatch(r"v(\d+)\.(\d+)\.(\d+)", path.name) for path in Path(before).iterdir()
            ]
            found |= {tuple(map(int, match.groups())) for match in names if match}
    return tuple(".".join(map(str, each)) for each in sorted(found, reverse=True)) or ("master",)


def kubeconform(
    version: str, locations: tuple[str, ...], files: list[Path]
) -> list[dict[str, Any]]:
    """Return what kubeconform says of the objects in some files."""
    argv = [
        *(programs.find("kubeconform", "`make .tools/kubeconform` builds it"), "-strict"),
        *("-output", "json", "-kubernetes-version", version),
    ]
    for each in locations:
        argv += ["-schema-location", each]
    done = programs.run([*argv, *files])
    try:
        found: list[dict[str, Any]] = json.loads(done.stdout)["resources"] or []
    except (ValueError, KeyError):
        raise programs.failure(done, "kubeconform") from None
    return found


def findings(context: Context, answers: dict[str, list[dict[str, Any]]]) -> Iterator[Finding]:
    """Yield each fault once, with the versions that have it."""
    faults: dict[tuple[int, str, str, str], list[str]] = {}
    for version, answer in answers.items():
        for each in answer:
            said = each["msg"] or each["status"]
            for fault in FAULT.findall(said) or [said]:
                key = int(Path(each["filename"]).stem), each["kind"], each["name"], fault
                faults.setdefault(key, []).append(version)
    for (number, kind, name, fault), versions in faults.items():
        rendered = context.rendered[number]
        reason = " ".join(fault.split())
        message = f"{kind} {name}: {reason} (Kubernetes {', '.join(versions)})"
        thing = Object({"kind": kind, "metadata": {"name": name}})
        yield rendered.finding("schema", message, thing)
