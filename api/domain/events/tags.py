"""Tags: whether a name in a git repository is the tag of a release."""

from __future__ import annotations

import re

REFERENCE = "refs/tags/"
# Three numbers at least. With fewer it may as well be a branch: `1.x`, `1.4`, `123-fix-login`.
RELEASE = re.compile(r"v?\d+\.\d+\.\d+(?:\.\d+)*(?:[-+][0-9A-Za-z.+-]+)?")


def tag_of(name: str) -> str | None:
    """Return the tag that a name is: one that says so, or else looks like a release."""
    if name.startswith(REFERENCE):
        return name.removeprefix(REFERENCE) or None
    return name if RELEASE.fullmatch(name) else None
