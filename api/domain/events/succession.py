"""Succession: of the deployments of one object, such as a canary, the next replaces the one before.

Its controller tells nothing more of what it has replaced, so that would be running for ever: it is
cancelled when the next one begins, unless an event says how it ended. What an event means depends
on those about the next deployment, in whatever order they arrive: they make it mean something else.
"""

from __future__ import annotations

from collections.abc import Sequence
from datetime import UTC, datetime
from typing import Any
from uuid import UUID

from sqlalchemy import ColumnElement, Connection, Select, Text, bindparam, func, select

from api.domain.deployments.model import Status
from api.domain.events.adapter import ObservedDeployment
from api.domain.events.interpret import Meaning
from api.domain.kit import sql
from api.domain.kit.queries import Query
from api.tables import UtcDateTime, environments, evidence, services

ENDED = (Status.SUCCEEDED, Status.FAILED)
OBJECT = bindparam("object", type_=Text)
START = bindparam("start", type_=UtcDateTime())


def _others(*conditions: ColumnElement[bool]) -> Select[Any]:
    """Select what events tell of an object's other deployments in a cell."""
    of_object = func.substr(evidence.c.external_id, 1, func.length(OBJECT)) == OBJECT
    return (
        select(evidence.c.started_at)
        .select_from(evidence.join(services).join(environments))
        .where(
            services.c.name == bindparam("service"),
            environments.c.name == bindparam("environment"),
            evidence.c.source == bindparam("source"),
            evidence.c.event_id.is_not(None),
            evidence.c.external_id != bindparam("id"),
            of_object,
            *conditions,
        )
    )


NEXT = Query(_others(evidence.c.started_at > START).order_by(evidence.c.started_at).limit(1))
LAST = _others(evidence.c.started_at < START).order_by(evidence.c.started_at.desc()).limit(1)
PREVIOUS = Query(
    select(evidence.c.event_id, evidence.c.said).where(
        evidence.c.source == bindparam("source"),
        evidence.c.external_id == LAST.with_only_columns(evidence.c.external_id).scalar_subquery(),
        evidence.c.event_id.is_not(None),
    )
)


def lock(connection: Connection, meaning: Meaning, parts: int) -> None:
    """Lock the objects whose deployments an event is about, until the transaction ends."""
    for name in sorted({_object(observed, parts) for observed in meaning.deployments}):
        sql.lock_name(connection, name)


def placed(connection: Connection, meaning: Meaning, parts: int) -> Meaning:
    """Return the meaning of an event, given the deployments that come after its own.

    An external id has so many `parts` after the object's.
    """
    deployments = [_placed(connection, observed, parts) for observed in meaning.deployments]
    return meaning._replace(deployments=deployments)


def _placed(connection: Connection, observed: ObservedDeployment, parts: int) -> ObservedDeployment:
    if observed.report.status.terminal:
        return observed
    following = NEXT.tuples(connection, _around(observed, parts))
    if not following:
        return observed
    ended = {"status": Status.CANCELLED, "finished_at": following[0][0]}
    return observed._replace(report=observed.report.model_copy(update=ended))


def replaced(connection: Connection, meaning: Meaning, parts: int) -> Sequence[UUID]:
    """Return the events whose meaning another one changes, which has been projected.

    They tell of the deployment before that of the other event, and none says how it ended.
    """
    found: dict[UUID, None] = {}
    for observed in meaning.deployments:
        around = _around(observed, parts)
        previous = PREVIOUS.rows(connection, around)
        if not any(each["said"]["status"] in ENDED for each in previous):
            told = [each for each in previous if _runs_until(each["said"]) > around["start"]]
            found |= dict.fromkeys(each["event_id"] for each in told)
    return list(found)


def _runs_until(said: dict[str, Any]) -> datetime:
    """Return when a deployment was replaced, by what is known of it; the end of time if it runs."""
    finished_at = said["finished_at"]
    return datetime.fromisoformat(finished_at) if finished_at else datetime.max.replace(tzinfo=UTC)


def _around(observed: ObservedDeployment, parts: int) -> dict[str, Any]:
    """Return the values by which the other deployments of an object are found."""
    report = observed.report
    return {
        "service": report.service,
        "environment": report.environment,
        "source": report.source,
        "object": _object(observed, parts),
        "id": report.external_id,
        "start": report.started_at,
    }


def _object(observed: ObservedDeployment, parts: int) -> str:
    """Return how the external ids of all deployments of an object begin."""
    return str(observed.report.external_id).rsplit("/", parts)[0] + "/"
