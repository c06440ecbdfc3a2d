"""Ids: UUIDs that sort by their time of creation (RFC 9562, section 5.7), and ids of objects."""

from __future__ import annotations

import hashlib
from collections.abc import Iterable
from uuid import UUID

from uuid_utils.compat import uuid7

# The end of what removals call an object of a sender, for all that it has deployed; and if that
# stays, until another object takes it over.
OBJECT, LEFT_BEHIND = "/", "/*"


def derived(identifier: UUID, *parts: str | None) -> UUID:
    """Derive an id from another one; the same arguments give the same id.

    The first 64 bits are those of `identifier`, so that both sort by the same time.
    """
    text = " ".join(map(str, (identifier, *parts)))
    rest = int.from_bytes(hashlib.sha256(text.encode()).digest()[:8]) & (2**62 - 1)
    return UUID(int=(identifier.int >> 64 << 64) | (0b10 << 62) | rest)


def following(earlier: Iterable[UUID]) -> UUID:
    """Return a new id that sorts after some others, though another machine's clock made them."""
    return max([uuid7(), *(UUID(int=identifier.int + 1) for identifier in earlier)])
