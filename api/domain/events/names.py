"""Valid names of services, environments and versions from any text, and patterns of names."""

from __future__ import annotations

import hashlib
import re
import unicodedata

from api.domain.kit.types import NAME_LENGTH

VERSION_LENGTH = 128
# The category of soft hyphens, of joiners and of marks for the direction of writing.
INVISIBLE = "Cf"


def slug(text: str) -> str:
    """Return a text as a valid name; empty if nothing of it can be in one."""
    plain = _plain(text).lower()
    made = re.sub(r"[^a-z0-9._-]+", "-", plain).strip("._-")
    return _apart(made, plain, NAME_LENGTH).rstrip("._-")


def version(text: str) -> str:
    """Return a text as a valid version; empty if nothing of it can be in one."""
    plain = _plain(text)
    made = re.sub(r"^[^A-Za-z0-9]+", "", re.sub(r"[^A-Za-z0-9._+-]+", "-", plain))
    return _apart(made, plain, VERSION_LENGTH)


def _plain(text: str) -> str:
    """Return a text without its accents, unseen marks, and other ways to write the same letters."""
    if text.isascii():
        return text
    parts = unicodedata.normalize("NFKD", text)
    return "".join(
        character
        for character in parts
        if not unicodedata.combining(character) and unicodedata.category(character) != INVISIBLE
    )


def _loses(plain: str) -> bool:
    """Return whether letters or digits of a text cannot be in a name."""
    return any(character.isalnum() and not character.isascii() for character in plain)


def _apart(made: str, plain: str, length: int) -> str:
    """Return what was made of a text, at most so long, with a hash at its end if that loses any.

    Two images whose names begin alike are two services, and so are two in another script.
    """
    whole = plain if _loses(plain) else made
    if whole == made and len(made) <= length:
        return made
    mark = hashlib.sha256(whole.encode()).hexdigest()[:8]
    begin = (made.rstrip("._+-") if whole == plain else made)[: length - len(mark) - 1]
    return f"{begin}-{mark}" if begin else mark


def name_pattern(key: str) -> str:
    """Return a key with `*` as it is compared with names; empty if no name can be like it."""
    plain = _plain(key).lower()
    made = re.sub(r"[^a-z0-9._*-]+", "-", plain)
    fine = made.strip("._-") == made and len(made) <= NAME_LENGTH and not _loses(plain)
    return made if fine else ""


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
