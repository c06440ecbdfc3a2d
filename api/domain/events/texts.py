"""Texts beside a deployment: what cannot be stored as it is must not lose the event."""

from __future__ import annotations

from typing import Any
from urllib.parse import quote

from api.domain.kit.types import printable

# All that is printed of ASCII: what is encoded already is not encoded again.
PRINTED = "".join(map(chr, range(ord("!"), ord("~") + 1)))


def line(text: Any, length: int) -> str | None:
    """Return a text in one line of at most this length; None if nothing can be seen of it."""
    words = " ".join(text.split()) if isinstance(text, str) else ""
    return printable(words)[:length].rstrip() or None


def in_ascii(text: str) -> str:
    """Return a text with all else than printed ASCII percent-encoded, as in a URL."""
    return quote(text, safe=PRINTED, errors="replace")
