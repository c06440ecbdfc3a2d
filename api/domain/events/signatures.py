"""Signatures: proof that the sender of these bytes knows the secret.

An HMAC of the bytes as they were sent, in the form that GitHub (`X-Hub-Signature-256`) and Flux
(`X-Signature`) use: `sha256=` and hexadecimal digits; sha224, sha384 and sha512 are accepted too.
For schemes that sign more than the body (Standard Webhooks: an id and a time, too), the caller
puts the signed bytes together.
"""

from __future__ import annotations

import hmac
from collections.abc import Sequence

ALGORITHMS = frozenset({"sha224", "sha256", "sha384", "sha512"})


def verify(secrets: Sequence[str], signed: bytes, sent: str) -> bool:
    """Return whether `sent` is the signature of these bytes with one of the secrets.

    The time does not depend on which secret matches. Without secrets the answer is False.
    """
    named, _, digest = sent.strip().partition("=")
    algorithm = named.lower()
    if algorithm not in ALGORITHMS:
        return False
    given = digest.lower().encode(errors="replace")
    fits = [
        hmac.compare_digest(sign(secret, signed, algorithm).encode(), given) for secret in secrets
    ]
    return any(fits)


def sign(secret: str, signed: bytes, algorithm: str = "sha256") -> str:
    """Return the HMAC of these bytes, in hexadecimal digits."""
    return hmac.new(secret.encode(), signed, algorithm).hexdigest()
