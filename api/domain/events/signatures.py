"""Signatures: who knows the secret wrote these bytes.

An HMAC of the bytes as they were sent, as GitHub (`X-Hub-Signature-256`) and Flux (`X-Signature`)
have it: `sha256=` and hexadecimal digits. What other schemes sign (Standard
Webhooks signs an id and a time too) is for the caller to put together.
"""

from __future__ import annotations

import hashlib
import hmac
from collections.abc import Sequence


def verify(secrets: Sequence[str], signed: bytes, sent: str) -> bool:
    """Say whether `sent` is the signature of these bytes with one of the secrets.

    All are tried in a time that does not depend on which one it is; without a secret nothing is.
    """
    algorithm, _, digest = sent.strip().partition("=")
    told = digest.lower().encode(errors="replace") if algorithm.lower() == "sha256" else b""
    fits = [hmac.compare_digest(sign(secret, signed).encode(), told) for secret in secrets]
    return any(fits)


def sign(secret: str, signed: bytes) -> str:
    """Return the HMAC-SHA256 of these bytes, in hexadecimal digits."""
    return hmac.new(secret.encode(), signed, hashlib.sha256).hexdigest()
