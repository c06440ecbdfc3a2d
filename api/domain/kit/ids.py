"""Ids: UUIDs that sort by the time they were made (RFC 9562, section 5.7)."""

from __future__ import annotations

import hashlib
from uuid import UUID


def derived(identifier: UUID, *parts: str | None) -> UUID:
    """Return the id of something that follows from another: the same for the same parts.

    It sorts by time as the other one does: the first 64 bits are the same.
    """
    text = " ".join(map(str, (identifier, *parts)))
    rest = int.from_bytes(hashlib.sha256(text.encode()).digest()[:8]) & (2**62 - 1)
    return UUID(int=(identifier.int >> 64 << 64) | (0b10 << 62) | rest)
