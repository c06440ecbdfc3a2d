"""Versions: when two texts name the same one."""

from __future__ import annotations


def same(one: str, other: str) -> bool:
    """Return whether two texts name the same version, as the ledger does: `v1.2.3` is `1.2.3`."""
    return one in spellings(other)


def spellings(version: str) -> tuple[str, ...]:
    """Return every text that names the same version: with and without a leading `v`."""
    plain = version[1:] if version.startswith("v") and version[1:2].isdigit() else version
    return (plain, f"v{plain}") if plain[:1].isdigit() else (version,)
