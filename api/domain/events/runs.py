"""Runs: the repeated events about one state of an object are one deployment.

Flux repeats at every interval that an object has reached its revision. The events of one object
about one revision, by their own times and with none about another revision between them, are a
run: one deployment, reported by its first success and by the first failure before that, and by the
first event of all if that shows its progress, as Flagger's do. Helm tries only what has changed, so
a failure long after the one before it is another run. Only the
events are stored for it: their delivery ids sort by object and time. So the projection of an event
depends on the set of stored events, and not on the order in which they arrived.
"""

from __future__ import annotations

from collections.abc import Sequence
from datetime import UTC, datetime
from uuid import UUID

from sqlalchemy import ColumnElement, Connection, and_, or_, select

from api.domain.events.adapter import FAILED, STAMP, SUCCEEDED, State
from api.domain.events.interpret import Meaning, Outcome, nothing
from api.domain.kit import sql
from api.tables import events

KEY = events.c.delivery_id
# With which of these an earlier event of the run has said as much; progress, with any.
REPEATED_BY = {SUCCEEDED: (SUCCEEDED,), FAILED: (FAILED, SUCCEEDED)}


def lock(connection: Connection, state: State) -> None:
    """Lock an object's runs until the transaction ends."""
    sql.lock_name(connection, state.subject)


def placed(connection: Connection, source: str, state: State, meaning: Meaning) -> Meaning:
    """Return the meaning of an event, given its run: nothing if it repeats a stored one."""
    if not meaning.deployments:
        return meaning
    here = state.key
    before = select(KEY).where(_of(source, state), here > KEY)
    border = connection.execute(
        before.where(~KEY.endswith(f" {state.revision}", autoescape=True))
        .order_by(KEY.desc())
        .limit(1)
    ).scalar()
    run = (before if border is None else before.where(border < KEY)).limit(1)
    first = run.order_by(KEY)
    start = connection.execute(first).scalar()
    if start is not None and state.retried_for is not None:
        last = connection.execute(run.order_by(KEY.desc())).scalar_one()
        start = last if state.at - _at(state, last) <= state.retried_for else None
    known = start
    if state.status in REPEATED_BY and start is not None:
        repeated = or_(*(KEY.contains(f" {status} ") for status in REPEATED_BY[state.status]))
        known = connection.execute(first.where(repeated)).scalar()
    if known is not None:
        # Not when: an event that comes late may be the first, and only its next one is looked at.
        return nothing(Outcome.NOT_OURS, "It repeats the deployment of this revision.")
    identifier = f"{state.subject}/{_time(state, start or here)}"
    return meaning._replace(
        deployments=[
            each._replace(report=each.report.model_copy(update={"external_id": identifier}))
            for each in meaning.deployments
        ]
    )


def later(connection: Connection, source: str, state: State) -> Sequence[UUID]:
    """Return the stored events after this one whose meaning this one may change.

    In the run that follows these are the first event with each status, up to the first success: all
    others repeat them.
    """
    after = select(events.c.id, KEY).where(_of(source, state), state.key < KEY).order_by(KEY)
    found: list[UUID] = []
    revision, seen = None, set()
    for identifier, stored in connection.execute(after):
        _, status, stored_revision = stored.removeprefix(f"{state.subject} ").split(" ", 2)
        revision = revision or stored_revision
        if stored_revision != revision:
            break
        if status not in seen:
            found.append(identifier)
            seen.add(status)
        if status == SUCCEEDED:
            break
    return found


def _of(source: str, state: State) -> ColumnElement[bool]:
    """Return the condition for the events of an object; the range is for the index."""
    return and_(
        events.c.source == source,
        KEY.between(f"{state.subject} 0", f"{state.subject} 9"),
        KEY.startswith(f"{state.subject} ", autoescape=True),
    )


def _at(state: State, stored: str) -> datetime:
    return datetime.strptime(_time(state, stored), STAMP).replace(tzinfo=UTC)


def _time(state: State, stored: str) -> str:
    return stored.removeprefix(f"{state.subject} ").partition(" ")[0]
