"""Signatures: proof that the sender of these bytes knows the secret.

An HMAC of the bytes as they were sent, in the form that GitHub (`X-Hub-Signature-256`) and Flux
(`X-Signature`) use: `sha256=` and hexadecimal digits; sha224, sha384 and sha512 are accepted too.
For schemes that sign more than the body (Standard Webhooks: an id and a time, too), the caller
puts the signed bytes together.
"""

from __future__ import annotations

import hashlib
import hmac
import re
from collections.abc import Sequence

ALGORITHMS = frozenset({"sha224", "sha256", "sha384", "sha512"})
HEXADECIMAL = re.compile(r"[0-9a-f]+")


def verify(secrets: Sequence[str], signed: bytes, sent: str) -> bool:
    """Return whether `sent` is the signature of these bytes with one of the secrets.

    The time does not depend on which secret matches. Without secrets the answer is False.
    """
    signature = parse(sent)
    if signature is None:
        return False
    algorithm, digest = signature
    fits = [hmac.compare_digest(sign(secret, signed, algorithm), digest) for secret in secrets]
    return any(fits)


def parse(sent: str) -> tuple[str, str] | None:
    """Return the algorithm and the digits of a signature, or None if it cannot be one."""
    named, _, digits = sent.strip().lower().partition("=")
    if named not in ALGORITHMS or not HEXADECIMAL.fullmatch(digits):
        return None
    return (named, digits) if len(digits) == 2 * hashlib.new(named).digest_size else None


def sign(secret: str, signed: bytes, algorithm: str = "sha256") -> str:
    """Return the HMAC of these bytes, in hexadecimal digits."""
    return hmac.new(secret.encode(), signed, algorithm).hexdigest()
