"""Links that events carry: only those that a browser may open."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any


def web_url(url: Any) -> str | None:
    """Return a URL of http or https, or None for anything else."""
    return url if isinstance(url, str) and url.startswith(("https://", "http://")) else None


def links(urls: Mapping[str, Any]) -> list[dict[str, str]]:
    """Return the links of a deployment for URLs by their titles."""
    return [{"title": title, "url": url} for title, url in urls.items() if web_url(url)]
