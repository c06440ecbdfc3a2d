"""Links that events carry: only those that a browser may open."""

from __future__ import annotations

import re
from collections.abc import Mapping
from typing import Any

from api.domain.events.texts import in_ascii
from api.domain.kit.types import URL, URL_LENGTH


def web_url(url: Any) -> str | None:
    """Return a URL of http or https in ASCII, or None for anything else and if it is too long."""
    encoded = in_ascii(url.strip()) if isinstance(url, str) else ""
    return encoded if re.fullmatch(URL, encoded) and len(encoded) <= URL_LENGTH else None


def links(urls: Mapping[str, Any]) -> list[dict[str, str]]:
    """Return the links of a deployment for URLs by their titles."""
    found = {title: web_url(url) for title, url in urls.items()}
    return [{"title": title, "url": url} for title, url in found.items() if url]
