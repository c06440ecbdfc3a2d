"""The baseline: findings that a repository had when it began to be checked.

They are known by what does not change when lines move or a version is added, so that only new
findings are told, and mended ones are not missed.
"""

from __future__ import annotations

import json
import re
from collections import Counter
from collections.abc import Container
from hashlib import sha256
from pathlib import Path
from typing import Any

from gitops.errors import GitopsError
from gitops.findings import Finding, place

VERSION = 1
# What a message says of places and versions.
MOVING = re.compile(
    r"(?<=\.yaml|\.json):\d+|(?<=\.yml):\d+|(?<=\bKustomization):\d+"
    r"|(?<=inline patch) \d+| \(Kubernetes .*\)$"
)


def fingerprints(findings: list[Finding], root: Path) -> list[str]:
    """Return a name for each finding: its rule, file and message; repetitions are numbered."""
    seen: Counter[str] = Counter()
    names = []
    for finding in findings:
        parts = finding.rule, place(finding.file, root), MOVING.sub("", finding.message)
        name = sha256("\n".join(parts).encode(errors="surrogateescape")).hexdigest()[:16]
        seen[name] += 1
        names.append(f"{name}:{seen[name]}")
    return names


def write(file: Path, findings: list[Finding], root: Path) -> None:
    """Write the baseline: one finding a line, in order, so that a merge is easy to read.

    Raises GitopsError if the file cannot be written.
    """
    entries = [
        {
            "fingerprint": name,
            "rule": finding.rule,
            "file": place(finding.file, root),
            "message": finding.message,
        }
        for finding, name in zip(findings, fingerprints(findings, root), strict=True)
    ]
    lines = ",\n".join(f"    {json.dumps(entry, ensure_ascii=False)}" for entry in entries)
    text = f'{{\n  "version": {VERSION},\n  "findings": [\n{lines}\n  ]\n}}\n'
    try:
        file.write_text(text, encoding="utf-8", errors="backslashreplace")
    except OSError as error:
        raise GitopsError(f"{file}: {error.strerror}") from None


def read(file: Path) -> dict[str, str]:
    """Return the names of a baseline with their rules. Raises GitopsError if it is none."""
    try:
        found: dict[str, Any] = json.loads(file.read_text(encoding="utf-8"))
        if found["version"] == VERSION:
            return {entry["fingerprint"]: entry["rule"] for entry in found["findings"]}
    except FileNotFoundError:
        raise GitopsError(f"{file}: there is no baseline yet: add --write-baseline") from None
    except OSError as error:
        raise GitopsError(f"{file}: {error.strerror}") from None
    except (ValueError, KeyError, TypeError):
        pass
    raise GitopsError(f"{file}: not a baseline of this version: write it anew (--write-baseline)")


def new(findings: list[Finding], root: Path, known: Container[str]) -> list[Finding]:
    """Return the findings that are not in a baseline."""
    names = fingerprints(findings, root)
    return [finding for finding, name in zip(findings, names, strict=True) if name not in known]


def mended(findings: list[Finding], root: Path, known: dict[str, str], rules: set[str]) -> int:
    """Return how many findings of a baseline are no longer found by the rules that were checked."""
    names = {*fingerprints(findings, root)}
    return sum(rule in rules and name not in names for name, rule in known.items())
