"""Cursors: opaque positions in a list, good only for the list that they were given out for."""

from __future__ import annotations

import base64
import binascii
import hashlib
import json
from datetime import UTC, datetime
from uuid import UUID

from api.domain.deployments import Filters

# A cursor of ours is about 100 characters long.
MAX_LENGTH = 256


class CursorError(ValueError):
    """The cursor was not given out for this list."""

    def __init__(self) -> None:
        super().__init__("must be the next_cursor of a page of this list, with the same filters")


def encode(position: tuple[datetime, UUID], filters: Filters) -> str:
    """Return the cursor of a position, as URL-safe text."""
    started_at, identifier = position
    payload = [_fingerprint(filters), started_at.isoformat(), identifier.hex]
    return base64.urlsafe_b64encode(json.dumps(payload).encode()).decode().rstrip("=")


def decode(cursor: str, filters: Filters) -> tuple[datetime, UUID]:
    """Return the position of a cursor.

    Raises CursorError for a made-up one, and for one of a list with other filters.
    """
    try:
        padded = cursor + "=" * (-len(cursor) % 4)
        fingerprint, started_at, identifier = json.loads(
            base64.b64decode(padded, altchars=b"-_", validate=True)
        )
        position = datetime.fromisoformat(started_at).astimezone(UTC), UUID(identifier)
    except (ValueError, TypeError, AttributeError, OverflowError, binascii.Error) as error:
        raise CursorError from error
    if fingerprint != _fingerprint(filters):
        raise CursorError
    return position


def _fingerprint(filters: Filters) -> str:
    return hashlib.sha256(
        filters.model_dump_json(include=set(Filters.model_fields)).encode()
    ).hexdigest()[:8]
