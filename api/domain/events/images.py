"""Images: the parts of a reference, which templates use as `image`."""

from __future__ import annotations

import re
from typing import NamedTuple

DIGEST = re.compile(r"sha256:[0-9a-f]{64}")


class Image(NamedTuple):
    """An image reference, `repository:tag@digest`; `name` is the last part of the repository."""

    name: str
    repository: str
    tag: str | None
    digest: str | None


def parse(reference: str) -> Image:
    """Return the parts of an image reference (grammar: distribution/reference, reference.go)."""
    tagged, _, digest = reference.partition("@")
    path, slash, last = tagged.rpartition("/")
    name, _, tag = last.partition(":")
    return Image(
        name, f"{path}{slash}{name}", tag or None, digest if DIGEST.fullmatch(digest) else None
    )
