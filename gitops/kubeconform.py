"""kubeconform, which validates manifests against the schemas of a Kubernetes version."""

from __future__ import annotations

import json
import os
import re
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from gitops import programs
from gitops.cache import digest, program_digest

VERSION = "{{.NormalizedKubernetesVersion}}"
# A message holds every fault of an object, each after the place where it is.
FAULT = re.compile(r"- (at '.*?': .*?)(?=\s+- at '|\s*$)", re.DOTALL)
NAMES = re.compile(r"'[^']*'(?:, '[^']*')+")
# What it tries to stay below: it shares the machine with all that has been rendered.
MEMORY = "48MiB"
UNKNOWN = "could not find schema for"
UNREAD = "failed downloading schema"  # the beginning of a message that is not about the object
EMPTY = ""  # the status of a document of comments only


@dataclass(frozen=True)
class Verdict:
    """What kubeconform says of one object; without faults it is valid."""

    file: str
    version: str  # apiVersion
    kind: str
    name: str
    faults: tuple[str, ...]
    is_known: bool = True  # whether there is a schema of its kind

    @classmethod
    def of(cls, resource: dict[str, Any]) -> Verdict:
        """Return the verdict of an entry of kubeconform's output."""
        is_valid = resource["status"] == "statusValid"
        message = resource["msg"] or resource["status"]
        return cls(
            *(resource["filename"], resource["version"], resource["kind"], resource["name"]),
            () if is_valid else tuple(split(message)),
            is_known=UNKNOWN not in message,
        )


def validate(files: Sequence[Path], version: str, locations: Sequence[str]) -> list[Verdict]:
    """Return a verdict for each object in some files; an object of an unknown kind is a fault too.

    `locations` are those of schemas, as kubeconform's -schema-location takes them.
    Raises GitopsError if there is no kubeconform, or it fails.
    """
    program = programs.find("kubeconform")
    argv = [program, "-strict", "-verbose", "-output", "json", "-kubernetes-version", version]
    for location in locations:
        argv += ["-schema-location", location]
    done = programs.run([*argv, *files], env={"GOMEMLIMIT": MEMORY, **os.environ})
    try:
        resources = json.loads(done.stdout)["resources"] or []
    except (ValueError, KeyError):
        raise programs.failure(done, "kubeconform") from None
    verdicts = [Verdict.of(each) for each in resources if each["status"] != EMPTY]
    if done.returncode and not any(verdict.faults for verdict in verdicts):
        raise programs.failure(done, "kubeconform")
    return verdicts


def state(version: str, locations: Sequence[str]) -> str | None:
    """Return what a verdict depends on beside the object; None if schemas are not on disk."""
    parts = [program_digest(programs.find("kubeconform")), version]
    for location in locations:
        start, variable, _ = location.replace(VERSION, f"v{version}").partition("{{")
        if not variable or not Path(start).is_absolute():
            return None
        parts.append(location)
        for folder, folders, names in os.walk(Path(f"{start}_").parent):
            folders.sort()
            for name in sorted(names):
                file = Path(folder, name)
                stat = file.stat()
                parts.append(f"{file} {stat.st_size} {stat.st_mtime_ns} {stat.st_ctime_ns}")
    return digest(*parts)


def written(verdicts: list[Verdict]) -> str:
    """Return verdicts as a text."""
    fields = ("version", "kind", "name", "faults", "is_known")
    return json.dumps([[getattr(verdict, field) for field in fields] for verdict in verdicts])


def read(text: str | None) -> list[Verdict] | None:
    """Return the verdicts of a text that was written here; None if it is another one."""
    try:
        found = json.loads(text or "")
        return [
            Verdict("", version, kind, name, tuple(faults), is_known)
            for version, kind, name, faults, is_known in found
        ]
    except (ValueError, TypeError):
        return None


def split(message: str) -> Iterator[str]:
    """Yield the faults that a message of kubeconform lists, each in one line.

    The names in a fault are sorted: kubeconform has those that are not allowed in any order.
    """
    for fault in FAULT.findall(message) or [message]:
        line = " ".join(fault.split())
        yield NAMES.sub(lambda names: ", ".join(sorted(names[0].split(", "))), line)


def versions_of(locations: Sequence[str]) -> tuple[str, ...]:
    """Return the versions for which there are schemas on disk, newest first; none if none are."""
    found: set[tuple[int, ...]] = set()
    for location in locations:
        folder, version, _ = location.partition(VERSION)
        if version and Path(folder).is_dir():
            names = [
                re.fullmatch(r"v(\d+)\.(\d+)\.(\d+)", path.name) for path in Path(folder).iterdir()
            ]
            found |= {tuple(map(int, match.groups())) for match in names if match}
    return tuple(".".join(map(str, each)) for each in sorted(found, reverse=True))
