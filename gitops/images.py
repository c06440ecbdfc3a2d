"""Image references: `NAME:TAG@sha256:…`."""

from __future__ import annotations

import re
from typing import NamedTuple

from gitops.errors import GitopsError

DIGEST = re.compile(r"sha256:[0-9a-f]{64}")
# The grammar of tags: https://github.com/opencontainers/distribution-spec/blob/main/spec.md
TAG = re.compile(r"[A-Za-z0-9_][A-Za-z0-9._-]{0,127}")


class Image(NamedTuple):
    """The parts of a reference; a part that is missing is empty."""

    name: str
    tag: str
    digest: str


def split(reference: str) -> Image:
    """Return the parts of an image reference."""
    rest, _, digest = reference.partition("@")
    path, slash, last = rest.rpartition("/")
    name, _, tag = last.partition(":")
    return Image(path + slash + name, tag, digest)


def pinned(reference: str) -> Image:
    """Return the parts of a reference. Raises GitopsError if one of them is missing."""
    image = split(reference)
    if not (image.name and TAG.fullmatch(image.tag) and DIGEST.fullmatch(image.digest)):
        raise GitopsError(f"{reference}: name the image as NAME:TAG@sha256:…")
    return image
