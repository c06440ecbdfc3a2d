"""Versions: when two texts name the same one."""

from __future__ import annotations


def canonical(version: str) -> str:
    """Return a version without the `v` that tags of git have, and tags of images often lack."""
    return version[1:] if version.startswith("v") and version[1:2].isdigit() else version


def same(one: str | None, other: str | None) -> bool:
    """Return whether two texts name the same version: `v1.2.3` is `1.2.3`."""
    return one == other or (one and canonical(one)) == (other and canonical(other))


def spellings(version: str) -> tuple[str, ...]:
    """Return every text that names the same version, for a look-up along an index."""
    plain = canonical(version)
    return (plain, f"v{plain}") if plain[:1].isdigit() else (version,)
