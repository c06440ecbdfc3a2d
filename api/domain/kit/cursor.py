"""Cursors: opaque positions in a list, good only for the list that they were given out for."""

from __future__ import annotations

import base64
import binascii
import hashlib
import json
from collections.abc import Sequence
from datetime import UTC, datetime
from typing import Any
from uuid import UUID

# A cursor of ours is about 100 characters long.
MAX_LENGTH = 256

# What a row is sorted by: the time and the id that make its place unique, or its name.
Position = tuple[datetime | UUID | str, ...]


class CursorError(ValueError):
    """The cursor was not given out for this list."""

    def __init__(self) -> None:
        super().__init__("must be the next_cursor of a page of this list, with the same filters")


def encode(position: Position, scope: str) -> str:
    """Return the cursor of a position, as URL-safe text; the scope is the list and its filters."""
    payload = [_fingerprint(scope), *map(str, position)]
    return base64.urlsafe_b64encode(json.dumps(payload).encode()).decode().rstrip("=")


def decode(cursor: str, scope: str, types: Sequence[type]) -> Position:
    """Return the position of a cursor, which holds a value of each of these types.

    Raises CursorError for a made-up one, and for one of another list or with other filters.
    """
    try:
        padded = cursor + "=" * (-len(cursor) % 4)
        fingerprint, *told = json.loads(base64.b64decode(padded, altchars=b"-_", validate=True))
        position = tuple(_read(kind, text) for kind, text in zip(types, told, strict=True))
    except (ValueError, TypeError, AttributeError, OverflowError, binascii.Error) as error:
        raise CursorError from error
    if fingerprint != _fingerprint(scope):
        raise CursorError
    return position


def _read(kind: type, text: Any) -> datetime | UUID | str:
    if not isinstance(text, str) or "\x00" in text or not text.isascii():
        raise CursorError
    if kind is datetime:
        return datetime.fromisoformat(text).astimezone(UTC)
    return UUID(text) if kind is UUID else text


def _fingerprint(scope: str) -> str:
    return hashlib.sha256(scope.encode()).hexdigest()[:8]
