"""Authentication of a webhook's sender by a signature of its body."""

from __future__ import annotations

from typing import NamedTuple

from flask import request

from api.domain.events.adapter import Verify
from api.domain.tokens import Refusal
from api.http.auth import bearer
from api.http.auth.callers import accept_sender, state
from api.http.auth.guards import is_guarded, requested_view, signature_of
from api.http.auth.refusals import abort_unreadable, record_failure, refuse_unauthenticated


class Signature(NamedTuple):
    """The signature that a request carries, whose it is, and how to verify it."""

    source: str
    text: str
    verify: Verify


def offered() -> Signature | None:
    """Return the signature of the current request, if it has one and no token."""
    if not is_guarded() or bearer.offered() is not None:
        return None
    accepted = signature_of(requested_view())
    if accepted is None or accepted[1] not in request.headers:
        return None
    source, header, verify = accepted
    return Signature(source, request.headers[header], verify)


def authenticate(signature: Signature) -> None:
    """Take the sender for the caller; abort with 401 unless the body has this signature."""
    try:
        secrets = state().settings.webhook_secrets(signature.source)
    except ValueError as error:
        abort_unreadable(error)
    # The body is not read before it must be: the caller is not known yet.
    body = request.raw_body  # type: ignore[attr-defined]
    if not signature.verify(secrets, body, signature.text):
        record_failure(Refusal.WRONG_SIGNATURE)
        refuse_unauthenticated("The signature does not match the body.")
    accept_sender(signature.source)
