"""Ids: UUIDs that sort by their time of creation (RFC 9562, section 5.7)."""

from __future__ import annotations

import hashlib
from uuid import UUID


def derived(identifier: UUID, *parts: str | None) -> UUID:
    """Derive an id from another one; the same arguments give the same id.

    The first 64 bits are those of `identifier`, so that both sort by the same time.
    """
    text = " ".join(map(str, (identifier, *parts)))
    rest = int.from_bytes(hashlib.sha256(text.encode()).digest()[:8]) & (2**62 - 1)
    return UUID(int=(identifier.int >> 64 << 64) | (0b10 << 62) | rest)
