"""Redaction: secrets are removed from an event before anything else sees it.

By the name of a field (all texts under `token`, `passwords`, `awsSecretAccessKey`, …), by the same
names within a text (`?access_token=…`), and by the shape of a text: tokens of well-known services,
JSON Web Tokens, private keys, HTTP credentials, and the user and password of a URL.

Senders choose the texts, so every expression takes time linear in their length: what a match that
fails has read is not read again from each of the following positions.
"""

from __future__ import annotations

import base64
import re
from typing import Any

REDACTED = "[redacted]"
# Only the end of a name counts.
MAX_NAME = 64
# In any case, and joined in any way: `secretKey`, `SECRET_KEY`, `secret-key`.
SENSITIVE = (
    r"(?:token|secret|passw(?:or)?d|passphrase|passcode|pwd|authorization|signature|credential"
    r"|cookie|jwt|(?:access|account|api|client|deploy|encryption|master|private|secret|shared"
    r"|signing|ssh|storage)[\W_]?key"
    r"|(?<![a-z])(?:auth|pass|sig)|(?-i:(?<=[a-z])(?:Auth|Pass|Sig)))"
    r"s?(?:[\W_]?[0-9]{1,3})?(?:[\W_]?(?:value|hash|data))?"
)
SECRET_NAME = re.compile(rf"{SENSITIVE}[\W_]?$", re.IGNORECASE)
# In a query, a form or a command line, or in JSON within a text.
NAMED_SECRET = re.compile(
    rf"({SENSITIVE}(?:=|[\"']\s?:\s?))(?:\"[^\"]*+\"?|'[^']*+'?|[^\s&\"'#;]+)", re.IGNORECASE
)
SECRET_TEXT = re.compile(
    r"\b(?:gh[pousr]_[A-Za-z0-9]{20,}|github_pat_\w{20,}|glpat-[\w-]{16,}|xox[abprs]-[\w-]{10,}"
    r"|slw_[0-9a-f]{32}_[\w-]{43}|whsec_[A-Za-z0-9+/=]{20,}|A(?:KI|SI)A[0-9A-Z]{16}"
    r"|npm_[A-Za-z0-9]{20,}|[rs]k_(?:live|test)_[A-Za-z0-9]{16,}|AIza[\w-]{30,}|hvs\.[\w-]{20,})"
    r"|-----BEGIN [A-Z ]{0,40}PRIVATE KEY-----(?s:.*?)(?:-----END [A-Z ]{0,40}PRIVATE KEY-----|\Z)"
)
JSON_WEB_TOKEN = re.compile(r"\beyJ[\w-]{8,}+(\.[\w-]{8,}+\.[\w-]++)?")
AUTHORIZATION = re.compile(
    r"(\bauthorization[\"']?\s*+[:=]\s*+[\"']?(?:basic|bearer|token)\s++)[^\s\"',;]{8,}",
    re.IGNORECASE,
)
HTTP_CREDENTIALS = re.compile(r"\b(basic|bearer) ([\w.~+/=-]{8,})", re.IGNORECASE)
WORDS = re.compile(r"[A-Za-z][a-z]*+(?:[./-][A-Za-z][a-z]*+)*+\.?")
MAX_WORDS = 40
URL_CREDENTIALS = re.compile(r"(?<=://)[^/\s?#]+(?=@)")


def redacted(value: Any, *, secret: bool = False) -> Any:
    """Return a JSON value without its secrets; without any of its texts if it is all `secret`."""
    if isinstance(value, dict):
        # `{"name": "PASSWORD", "value": …}`, as containers and charts list their variables.
        listed = _is_secret(value.get("name")) or _is_secret(value.get("key"))
        return {
            name: redacted(
                member, secret=secret or _is_secret(name) or (listed and name == "value")
            )
            for name, member in value.items()
        }
    if isinstance(value, list):
        return [redacted(member, secret=secret) for member in value]
    if isinstance(value, str) and value:
        return REDACTED if secret else text(value)
    return value


def text(value: str) -> str:
    """Return a text without its secrets."""
    value = SECRET_TEXT.sub(REDACTED, value)
    value = JSON_WEB_TOKEN.sub(lambda found: REDACTED if found[1] else found[0], value)
    value = AUTHORIZATION.sub(rf"\1{REDACTED}", value)
    value = HTTP_CREDENTIALS.sub(_http_credentials, value)
    value = NAMED_SECRET.sub(rf"\1{REDACTED}", value)
    return URL_CREDENTIALS.sub(REDACTED, value)


def _is_secret(name: Any) -> bool:
    return isinstance(name, str) and SECRET_NAME.search(name[-MAX_NAME:]) is not None


def _http_credentials(found: re.Match[str]) -> str:
    """Redact what follows `Basic` or `Bearer`, unless it is the next word of a sentence."""
    scheme, given = found.groups()
    if scheme.lower() == "basic":
        secret = _has_password(given)
    else:
        secret = len(given) > MAX_WORDS or not WORDS.fullmatch(given)
    return f"{scheme} {REDACTED}" if secret else found[0]


def _has_password(encoded: str) -> bool:
    """Return whether a text is the base64 of `user:password` (RFC 7617, section 2)."""
    plain = encoded.rstrip("=.")
    try:
        decoded = base64.b64decode(plain + "=" * (-len(plain) % 4), validate=True)
    except ValueError:
        return False
    credentials = decoded.decode("latin-1")
    return ":" in credentials and credentials.isprintable()
