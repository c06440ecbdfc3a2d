"""Runs: the repeated events about one state of an object are one deployment.

Flux repeats at every interval that an object has reached its revision. The events of one object
about one revision, by their own times and with none about another revision between them, are a
run: one deployment, reported by its first success and by the first failure before that, and by the
first event of all if that shows its progress, as Flagger's do. Helm tries only what has changed, so
a failure long after the one before it is another run, and what undoes a success is of the run
of that one. Only the events are stored for it: their delivery ids sort by object and time. So the
projection of an event depends on the set of stored events, and not on the order in which they
arrived.
"""

from __future__ import annotations

import hashlib
from collections.abc import Sequence
from datetime import UTC, datetime, timedelta
from uuid import UUID

from sqlalchemy import ColumnElement, Connection, Select, and_, or_, select

from api.domain.events.adapter import (
    FAILED,
    STAMP,
    SUCCEEDED,
    UNDONE,
    ObservedDeployment,
    State,
)
from api.domain.events.interpret import Meaning, Outcome, nothing
from api.domain.kit import sql
from api.tables import events

KEY = events.c.delivery_id
# An event repeats an earlier one of its run with one of these statuses; progress, any of them.
REPEATED_BY = {SUCCEEDED: (SUCCEEDED,), FAILED: (FAILED, SUCCEEDED)}
MOMENT = timedelta(microseconds=1)
REPEATED = nothing(Outcome.NOT_OURS, "It repeats the deployment of this revision.")


def lock(connection: Connection, state: State) -> None:
    """Lock an object's runs until the transaction ends."""
    sql.lock_name(connection, state.subject)


def placed(connection: Connection, source: str, state: State, meaning: Meaning) -> Meaning:
    """Return the meaning of an event, given its run: nothing if it repeats a stored one."""
    if not meaning.deployments:
        return meaning
    here = state.key
    before = select(KEY).where(_of(source, state), here > KEY)
    last = connection.execute(before.order_by(KEY.desc()).limit(1)).scalar()
    start = None
    if last is not None and _undoes(state, last):
        start = last
    elif last is not None and _continued(state, last):
        status, _ = _parsed(state, last)
        # What repeats the last one needs to look at no other, however long the run is.
        repeated = status in REPEATED_BY.get(state.status, (status,))
        start, known = (last, last) if repeated else _run(connection, state, before)
        if known is not None:
            # Without a time: it may arrive late, and only the event after it is projected again.
            return REPEATED
    previous = last if start is None else _before(connection, source, state, start)
    return meaning._replace(
        deployments=[
            _of_run(observed, state, start or here, previous) for observed in meaning.deployments
        ]
    )


def _before(connection: Connection, source: str, state: State, start: str) -> str | None:
    """Return the last event before another one of an object."""
    before = select(KEY).where(_of(source, state), start > KEY).order_by(KEY.desc()).limit(1)
    return connection.execute(before).scalar()


def _of_run(
    observed: ObservedDeployment, state: State, start: str, previous: str | None
) -> ObservedDeployment:
    """Return a deployment with the external id of its run, which an event starts.

    It is the time. If the event before that is of the same second, as a failure and the rollback
    after it may be, it has something else of the event besides, and what is of that second, too,
    counts as a moment later.
    """
    report, identifier = observed.report, f"{state.subject}/{_time(state, start)}"
    finished_at = report.finished_at
    if previous is not None and _time(state, previous) == _time(state, start):
        identifier += f"-{hashlib.sha256(start.encode()).hexdigest()[:8]}"
        if finished_at is not None and state.at == _at(state, start):
            finished_at += MOMENT
    told = {"external_id": identifier, "finished_at": finished_at}
    return observed._replace(report=report.model_copy(update=told))


def _continued(state: State, last: str) -> bool:
    """Return whether the last event before this one is of the same run."""
    late = state.retried_for is not None and state.at - _at(state, last) > state.retried_for
    return _parsed(state, last)[1] == state.revision and not late


def _undoes(state: State, last: str) -> bool:
    """Return whether the last event before this one is the success that this one undoes.

    The revision of each success has its time, and may be cut off at its beginning.
    """
    status, revision = _parsed(state, last)
    this = f"{state.revision} {_time(state, last)}"
    return (state.status, status) == (UNDONE, SUCCEEDED) and this.endswith(revision)


def _run(
    connection: Connection, state: State, before: Select[str]
) -> tuple[str | None, str | None]:
    """Return the first event before this one in its run, and the first that it repeats."""
    border = connection.execute(
        before.where(~KEY.endswith(f" {state.revision}", autoescape=True))
        .order_by(KEY.desc())
        .limit(1)
    ).scalar()
    run = (before if border is None else before.where(border < KEY)).order_by(KEY).limit(1)
    repeated = or_(*(KEY.contains(f" {status} ") for status in REPEATED_BY[state.status]))
    return connection.execute(run).scalar(), connection.execute(run.where(repeated)).scalar()


def later(connection: Connection, source: str, state: State) -> Sequence[UUID]:
    """Return the stored events after this one whose meaning this one may change.

    In the run that follows these are the first event with each status, up to the first success: all
    others repeat them. Without a success, the run may be replaced by the first event after it. What
    undoes a success is of its run.
    """
    after = select(events.c.id, KEY).where(_of(source, state), state.key < KEY).order_by(KEY)
    near = [(each, _parsed(state, key)[0]) for each, key in connection.execute(after.limit(2))]
    if not near or near[0][1] == SUCCEEDED:  # no need to read the others
        return [each for each, status in near if status == UNDONE or each == near[0][0]]
    found: list[UUID] = []
    revision, passed = None, set()
    for identifier, stored in connection.execute(after):
        status, stored_revision = _parsed(state, stored)
        revision = revision or stored_revision
        if stored_revision != revision:
            found.append(identifier)  # it may replace the deployment of this run
            break
        if status not in passed:
            found.append(identifier)
            passed.add(status)
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


def _parsed(state: State, stored: str) -> tuple[str, str]:
    """Return the status and the revision of a stored event."""
    _, status, revision = stored.removeprefix(f"{state.subject} ").split(" ", 2)
    return status, revision


def _time(state: State, stored: str) -> str:
    return stored.removeprefix(f"{state.subject} ").partition(" ")[0]
