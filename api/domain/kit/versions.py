"""Versions: when two texts name the same one."""

from __future__ import annotations

import re
from typing import Protocol

# Of a commit, as git abbreviates it.
SHORTEST_COMMIT = 7
COMMIT = re.compile(rf"[0-9a-f]{{{SHORTEST_COMMIT},64}}")


class Named(Protocol):
    """What has a version, and maybe the commit that it was made of."""

    @property
    def version(self) -> str:
        """Return the version."""

    @property
    def commit(self) -> str | None:
        """Return the commit, if it is known."""


def canonical(version: str) -> str:
    """Return a version without the `v` that tags of git have, and tags of images often lack."""
    return version[1:] if version.startswith("v") and version[1:2].isdigit() else version


def same(one: str | None, other: str | None) -> bool:
    """Return whether two texts name the same version: `v1.2.3` is `1.2.3`."""
    return one == other or (one and canonical(one)) == (other and canonical(other))


def is_commit(version: str, commit: str | None) -> bool:
    """Return whether a version is this commit, or the beginning of it."""
    return bool(commit and COMMIT.fullmatch(version) and commit.startswith(version))


def as_commit(version: str) -> str | None:
    """Return a version if it can be a commit, or the beginning of one."""
    return version if COMMIT.fullmatch(version) else None


def alike(one: Named, other: Named) -> bool:
    """Return whether two releases are named alike.

    A version that is a commit is the same as whatever else its commit is called.
    """
    return (
        same(one.version, other.version)
        or is_commit(one.version, other.commit)
        or is_commit(other.version, one.commit)
    )


def names(release: Named) -> set[str]:
    """Return names of a release; two that are alike have at least one of them in common."""
    texts = (release.version, release.commit or "")
    begins = {text[:SHORTEST_COMMIT] for text in texts if COMMIT.fullmatch(text)}
    return {canonical(release.version), *begins}


def spellings(version: str) -> tuple[str, ...]:
    """Return every text that names the same version, for a look-up along an index."""
    plain = canonical(version)
    return (plain, f"v{plain}") if plain[:1].isdigit() else (version,)
