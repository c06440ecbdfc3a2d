"""Redaction: secrets are removed from an event before anything else sees it.

By the name of a field (a text under `token`, `password`, …), by the shape of a text (tokens of
GitHub, GitLab, Slack and ours, bearer tokens), and the user and password of a URL.
"""

from __future__ import annotations

import re
from typing import Any

REDACTED = "[redacted]"
SECRET_NAME = re.compile(
    r"(^|[_-])(token|secret|passw(or)?d|authorization|signature|api[_-]?key|private[_-]?key"
    r"|credentials?)$",
    re.IGNORECASE,
)
CAMEL = re.compile(r"(?<=[a-z0-9])(?=[A-Z])")
SECRET_TEXT = re.compile(
    r"\b(gh[pousr]_[A-Za-z0-9]{20,}|github_pat_\w{20,}|glpat-[\w-]{16,}|xox[abprs]-[\w-]{10,}"
    r"|slw_[0-9a-f]{32}_[\w-]{43}|AKIA[0-9A-Z]{16}|eyJ[\w-]{8,}\.[\w-]{8,}\.[\w-]+)"
    r"|(?<=\bBearer )[\w.~+/=-]{8,}|(?<=\bBasic )[A-Za-z0-9+/=]{8,}"
)
CREDENTIALS = re.compile(r"(?<=://)[^/\s?#@]+(?=@)")


def redacted(value: Any) -> Any:
    """Return a JSON value without its secrets."""
    if isinstance(value, dict):
        return {name: _field(name, each) for name, each in value.items()}
    if isinstance(value, list):
        return [redacted(each) for each in value]
    return text(value) if isinstance(value, str) else value


def text(value: str) -> str:
    """Return a text without its secrets."""
    return CREDENTIALS.sub(REDACTED, SECRET_TEXT.sub(REDACTED, value))


def _field(name: str, value: Any) -> Any:
    if isinstance(value, str) and value and SECRET_NAME.search(CAMEL.sub("_", name)):
        return REDACTED
    return redacted(value)
