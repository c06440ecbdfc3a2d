"""The version, in every file that has it, and the sections of the changelog."""

import re
from datetime import date
from pathlib import Path

from tools.command import ToolError

CHANGELOG = "CHANGELOG.md"
UNRELEASED = "## Unreleased"
# SemVer without build metadata, which no tag of an image can have (https://semver.org).
VERSION = re.compile(r"(0|[1-9]\d*)\.(0|[1-9]\d*)\.(0|[1-9]\d*)(?:-([0-9a-z]+(?:\.[0-9a-z]+)*))?")
# Each file that has the version, and the line that it is in.
PLACES = {
    "pyproject.toml": re.compile(r'(?m)^version = "(.+)"$'),
    "api/version.py": re.compile(r'(?m)^VERSION = "(.+)"$'),
    "gitops/__init__.py": re.compile(r'(?m)^__version__ = "([^"]+)"'),
    "action.yaml": re.compile(r'(?m)^    default: "(\d.*)"$'),
    ".pre-commit-hooks.yaml": re.compile(r"(?m)^  entry: uvx kustomize-gitops@(\S+) check$"),
    "docs/api.md": re.compile(r'(?m)^  "service": "slipway", "version": "(.+)",$'),
}


def order(version: str) -> tuple[int, int, int, int, list[tuple[bool, int, str]]]:
    """Return the sort key of a version, by SemVer's precedence: 1.0.0-rc.1 < 1.0.0.

    Raises ToolError if it is not a version.
    """
    found = VERSION.fullmatch(version)
    if not found:
        raise ToolError(f"{version!r} is not a version: use 1.2.3 or 1.2.3-rc.1")
    pre = found[4].split(".") if found[4] else []
    parts = [(not p.isdigit(), int(p) if p.isdigit() else 0, p) for p in pre]
    return int(found[1]), int(found[2]), int(found[3]), not pre, parts


def current(root: Path) -> str:
    """Return the version of all the files. Raises ToolError if they differ."""
    versions: dict[str, str] = {}
    for name, line in PLACES.items():
        found = line.findall((root / name).read_text(encoding="utf-8"))
        if len(found) != 1:
            raise ToolError(
                f"{name} should have the version exactly once, but has it {len(found)} times"
            )
        versions[name] = found[0]
    if len(set(versions.values())) != 1:
        places = ", ".join(f"{name} has {version}" for name, version in versions.items())
        raise ToolError(f"the version differs between files: {places}")
    return next(iter(versions.values()))


def tag(root: Path) -> str:
    """Return the tag of the current version."""
    return f"v{current(root)}"


def replaced(root: Path, version: str) -> dict[Path, str]:
    """Return the text of each place with another version in it."""
    texts: dict[Path, str] = {}
    for name, line in PLACES.items():
        old = (root / name).read_text(encoding="utf-8")
        match = line.search(old)
        if match is None:
            raise ToolError(f"{name} does not have the version")
        texts[root / name] = old[: match.start(1)] + version + old[match.end(1) :]
    return texts


def heading(version: str, day: date) -> str:
    """Return the heading of a version in the changelog."""
    return f"## {version} ({day})"


def released(changelog: str, version: str, day: date) -> str:
    """Return the changelog with what is unreleased under the heading of a version.

    Raises ToolError if there is nothing to release, or that version has a section.
    """
    if not section(changelog, UNRELEASED):
        raise ToolError(f"{CHANGELOG} has nothing under {UNRELEASED!r} to release")
    if f"## {version} (" in changelog:
        raise ToolError(f"{CHANGELOG} already has a section for {version}")
    return changelog.replace(UNRELEASED, f"{UNRELEASED}\n\n{heading(version, day)}", 1)


def section(changelog: str, start: str) -> str:
    """Return the section under the first heading with a prefix; empty if there is none."""
    found = re.search(rf"(?ms)^{re.escape(start)}[^\n]*\n(.*?)(?=^## |\Z)", changelog)
    return found[1].strip() if found else ""


def notes(root: Path, version: str) -> str:
    """Return the changelog's section of a version. Raises ToolError if it has none."""
    found = section((root / CHANGELOG).read_text(encoding="utf-8"), f"## {version} (")
    if not found:
        raise ToolError(f"{CHANGELOG} has no section for {version}: `make prepare-release` adds it")
    return found
