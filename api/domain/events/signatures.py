"""Signatures: who knows the secret wrote these bytes.

An HMAC of the bytes as they were sent, as GitHub (`X-Hub-Signature-256`) and Flux (`X-Signature`)
have it: `sha256=` and hexadecimal digits; a sender may say sha224, sha384 or sha512, too. What
other schemes sign (Standard Webhooks signs an id and a time too) is for the caller to put together.
"""

from __future__ import annotations

import hmac
from collections.abc import Sequence

ALGORITHMS = frozenset({"sha224", "sha256", "sha384", "sha512"})


def verify(secrets: Sequence[str], signed: bytes, sent: str) -> bool:
    """Say whether `sent` is the signature of these bytes with one of the secrets.

    All are tried in a time that does not depend on which one it is; without a secret nothing is.
    """
    named, _, digest = sent.strip().partition("=")
    algorithm = named.lower()
    if algorithm not in ALGORITHMS:
        return False
    told = digest.lower().encode(errors="replace")
    fits = [
        hmac.compare_digest(sign(secret, signed, algorithm).encode(), told) for secret in secrets
    ]
    return any(fits)


def sign(secret: str, signed: bytes, algorithm: str = "sha256") -> str:
    """Return the HMAC of these bytes, in hexadecimal digits."""
    return hmac.new(secret.encode(), signed, algorithm).hexdigest()
