"""Flagger: what it sends to a webhook of the type `event`.

Fields: fluxcd/flagger, pkg/controller/webhook.go (CallEventWebhook) and scheduler.go (messages). A
checksum identifies a specification, which may return: `api.domain.events.runs` distinguishes one
canary from the next. Every step of a canary is progress; the failure of its analysis is one
failure.
"""

from __future__ import annotations

import hashlib
from collections.abc import Sequence
from datetime import UTC, datetime, timedelta
from typing import Any

from api.domain.deployments.model import NewDeployment, Status
from api.domain.events.adapter import (
    FAILED,
    PROGRESSING,
    STAMP,
    SUCCEEDED,
    Adapter,
    NotOursError,
    ObservedDeployment,
    Received,
    State,
    UnmappedError,
)
from api.domain.events.mapper import Mapper, UnmappedNameError
from api.domain.events.rules import SourceRules

STATUSES = {
    PROGRESSING: Status.RUNNING,
    SUCCEEDED: Status.SUCCEEDED,
    FAILED: Status.FAILED,
}
INITIALIZED = "Initialized"
PROGRESS = {"Progressing", "WaitingPromotion", "Promoting", "Finalising"}
# Said with the checksum of the revision before, as is all in the phase `Waiting`.
BEFORE = "New revision detected!"
# The first one of each phase that says so: others follow it, and may be about the next revision.
ENDS = {
    (INITIALIZED, "Initialization done!"): SUCCEEDED,
    ("Succeeded", "Promotion completed!"): SUCCEEDED,
    ("Failed", "Canary failed!"): FAILED,
}
EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
# Of a state's key, with which it is short enough for a delivery id.
MAX_CHECKSUM = 60


def observations(received: Received, mapper: Mapper) -> Sequence[ObservedDeployment]:
    """Return the deployment that a canary is."""
    body = received.body
    reached = _reached(body)
    at = _at(body)
    try:
        names = mapper.names(body)
    except UnmappedNameError as error:
        detail = "Flagger names no image: add version to the metadata of the webhook."
        raise UnmappedError(f"{error} {detail}") from error
    status = STATUSES[reached]
    report = {
        **names._asdict(),
        "status": status,
        "started_at": at,
        "finished_at": at if status.terminal else None,
        "source": FLAGGER.source,
        "external_id": _subject(body),  # and the time at which the run of events began
    }
    return [ObservedDeployment(NewDeployment.model_validate(report))]


def state(received: Received) -> State | None:
    """Return the state that an event reports, or None if it is not about a canary."""
    try:
        body = received.body
        at, reached = _at(body), _reached(body)
        revision = str(body.get("checksum") or "")[:MAX_CHECKSUM].replace(" ", "-") or "-"
        if body["phase"] == INITIALIZED:  # said once of each Canary, which may be made anew
            revision += f" {at:{STAMP}}"
        return State(_subject(body), at, reached, revision)
    except (NotOursError, KeyError, TypeError, AttributeError, ValueError):
        return None  # observations() reports what is wrong


def delivery_id(received: Received) -> str | None:
    """Return the state and its time: the same when the event is sent again."""
    found = state(received)
    return None if found is None else found.key


def _reached(body: dict[str, Any]) -> str:
    phase, message = body["phase"], str(body["metadata"].get("eventMessage") or "")
    if phase in PROGRESS and not message.startswith(BEFORE):
        return PROGRESSING
    for (ended, text), reached in ENDS.items():
        if phase == ended and message.startswith(text):
            return reached
    raise NotOursError(f"{message[:80] or phase} does not begin or end a canary")


def _at(body: dict[str, Any]) -> datetime:
    """Return the time of an event, which has milliseconds since 1970 as a text."""
    text = body["metadata"].get("timestamp")
    if text is None:
        raise NotOursError("Only a webhook of the type event says when it is sent")
    if not str(text).isdecimal() or len(str(text)) > len("9999999999999"):
        raise ValueError("metadata.timestamp must be milliseconds since 1970")
    return EPOCH + timedelta(milliseconds=int(text))


def _subject(body: dict[str, Any]) -> str:
    """Return the id of the canary whose states are a sequence: for the names of a webhook."""
    metadata = body["metadata"]
    given = [metadata.get(name) for name in ("service", "environment", "cluster")]
    subject = "/".join(str(part or "") for part in (body["namespace"], body["name"], *given))
    if subject.isascii() and subject.isprintable() and " " not in subject and len(subject) <= 128:  # noqa: PLR2004
        return subject
    return hashlib.sha256(subject.encode()).hexdigest()


FLAGGER = Adapter(
    source="flagger",
    headers=frozenset({"user-agent"}),
    rules=SourceRules(
        service="{metadata.service|name}",
        environment="{metadata.environment|namespace}-{metadata.cluster}",
        version="{metadata.version}",
    ),
    delivery_id=delivery_id,
    observations=observations,
    state=state,
    succession=1,  # the time of the run
    takes_no_content=False,  # it reports every status above 202 as an error
)
