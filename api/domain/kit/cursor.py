"""Cursors: opaque positions in a list, valid only for that list with the same filters."""

from __future__ import annotations

import base64
import binascii
import hashlib
import json
from collections.abc import Sequence
from datetime import UTC, datetime
from typing import Any
from uuid import UUID

# A cursor is about 100 characters long.
MAX_LENGTH = 256

# The sort key of a row: a time and an id, or names and numbers.
Position = tuple[datetime | UUID | str | int, ...]
MAX_NUMBER = 2**31 - 1


class CursorError(ValueError):
    """The cursor does not belong to this list."""

    def __init__(self) -> None:
        super().__init__("must be the next_cursor of a page of this list, with the same filters")


def encode(position: Position, scope: str) -> str:
    """Encode a position as a URL-safe cursor.

    `scope` identifies the list and its filters; only the same scope decodes the cursor.
    """
    payload = [_fingerprint(scope), *map(str, position)]
    return base64.urlsafe_b64encode(json.dumps(payload).encode()).decode().rstrip("=")


def decode(cursor: str, scope: str, types: Sequence[type]) -> Position:
    """Decode the position in a cursor, one value for each of `types`.

    Raises CursorError if the cursor is malformed or was issued for another scope.
    """
    try:
        padded = cursor + "=" * (-len(cursor) % 4)
        fingerprint, *texts = json.loads(base64.b64decode(padded, altchars=b"-_", validate=True))
        position = tuple(_read(kind, text) for kind, text in zip(types, texts, strict=True))
    except (ValueError, TypeError, AttributeError, OverflowError, binascii.Error) as error:
        raise CursorError from error
    if fingerprint != _fingerprint(scope):
        raise CursorError
    return position


def _read(kind: type, text: Any) -> datetime | UUID | str | int:
    if not isinstance(text, str) or "\x00" in text or not text.isascii():
        raise CursorError
    if kind is datetime:
        return datetime.fromisoformat(text).astimezone(UTC)
    if kind is int:
        number = int(text)
        if not 0 <= number <= MAX_NUMBER:
            raise CursorError
        return number
    return UUID(text) if kind is UUID else text


def _fingerprint(scope: str) -> str:
    return hashlib.sha256(scope.encode()).hexdigest()[:8]
