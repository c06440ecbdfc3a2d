"""Valid names of services, environments and versions from any text, and patterns of names."""

from __future__ import annotations

import hashlib
import re

from api.domain.kit.types import NAME_LENGTH

VERSION_LENGTH = 128


def slug(text: str) -> str:
    """Return a text as a valid name; empty if nothing of it can be in one."""
    made = re.sub(r"[^a-z0-9._-]+", "-", text.lower())
    return _cut(made.strip("._-"), NAME_LENGTH).rstrip("._-")


def version(text: str) -> str:
    """Return a text as a valid version; empty if nothing of it can be in one."""
    made = re.sub(r"[^A-Za-z0-9._+-]+", "-", text)
    return _cut(re.sub(r"^[^A-Za-z0-9]+", "", made), VERSION_LENGTH)


def _cut(text: str, length: int) -> str:
    """Return a text of at most this length; what is longer ends in a hash, so that it stays apart.

    Two images whose names begin alike are two services.
    """
    if len(text) <= length:
        return text
    mark = hashlib.sha256(text.encode()).hexdigest()[:8]
    return f"{text[: length - len(mark) - 1]}-{mark}"


def name_pattern(key: str) -> str:
    """Return a key with `*` as it is compared with names; empty if no name can be like it."""
    made = re.sub(r"[^a-z0-9._*-]+", "-", key.lower())
    return made if made.strip("._-") == made and len(made) <= NAME_LENGTH else ""


def fits(pattern: str, name: str) -> bool:
    """Return whether a name is like a pattern, in time linear in the name."""
    first, *rest = pattern.split("*")
    if not rest:
        return name == pattern
    *middle, last = rest
    at, end = len(first), len(name) - len(last)
    for part in middle:
        found = name.find(part, at, max(at, end))
        if found < 0:
            return False
        at = found + len(part)
    return at <= end and name.startswith(first) and name.endswith(last)
