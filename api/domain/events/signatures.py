"""Signatures: proof that the sender of these bytes knows the secret.

An HMAC of the bytes as they were sent, in the form that GitHub (`X-Hub-Signature-256`) and Flux
(`X-Signature`) use: `sha256=` and hexadecimal digits; sha224, sha384 and sha512 are accepted too.
GitLab sends the secret itself (`X-Gitlab-Token`).
For schemes that sign more than the body (Standard Webhooks: an id and a time, too), the caller
puts the signed bytes together.
"""

from __future__ import annotations

import hashlib
import hmac
import re
from collections.abc import Callable, Sequence

ALGORITHMS = frozenset({"sha224", "sha256", "sha384", "sha512"})
HEXADECIMAL = re.compile(r"[0-9a-f]+")


def signs(secrets: Sequence[str], body: Callable[[], bytes], sent: str) -> bool:
    """Return whether `sent` signs a body with one of the secrets.

    The body is read only for a signature that may be right. The time does not depend on which
    secret matches. Without secrets the answer is False.
    """
    signature = parse(sent)
    if not secrets or signature is None:
        return False
    signed = body()
    algorithm, digest = signature
    fits = [hmac.compare_digest(sign(secret, signed, algorithm), digest) for secret in secrets]
    return any(fits)


def parse(sent: str) -> tuple[str, str] | None:
    """Return the algorithm and the digits of a signature, or None if it cannot be one."""
    named, _, digits = sent.strip().lower().partition("=")
    if named not in ALGORITHMS or not HEXADECIMAL.fullmatch(digits):
        return None
    return (named, digits) if len(digits) == 2 * hashlib.new(named).digest_size else None


def is_secret(secrets: Sequence[str], _body: Callable[[], bytes], sent: str) -> bool:
    """Return whether `sent` is one of the secrets itself, as GitLab's `X-Gitlab-Token` is.

    It proves who sends, and not what is sent. The time does not depend on what is sent.
    """
    given = hashlib.sha256(sent.encode(errors="replace")).digest()
    fits = [
        hmac.compare_digest(hashlib.sha256(secret.encode()).digest(), given) for secret in secrets
    ]
    return any(fits)


def sign(secret: str, signed: bytes, algorithm: str = "sha256") -> str:
    """Return the HMAC of these bytes, in hexadecimal digits."""
    return hmac.new(secret.encode(), signed, algorithm).hexdigest()
