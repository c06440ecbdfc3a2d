"""Projection: write what a stored event means, and project events again."""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping, Sequence
from contextlib import nullcontext
from datetime import datetime
from typing import Any, NamedTuple
from uuid import UUID

import structlog
from sqlalchemy import Connection, Row, select, update
from sqlalchemy.exc import SQLAlchemyError

from api.domain import catalog, removals
from api.domain.changes import reports as change_reports
from api.domain.deployments import settling
from api.domain.deployments.store import shown
from api.domain.events import deleted, moves, retraction, runs, store, succession
from api.domain.events.adapter import Adapter, Received, State
from api.domain.events.adapters import ADAPTERS
from api.domain.events.interpret import Meaning, Outcome, interpret, nothing
from api.domain.events.rules import SourceRules
from api.domain.events.store import UnreadableError
from api.domain.incidents import reports as incident_reports
from api.domain.kit.errors import ConflictError
from api.domain.lookups import Found, Subscription
from api.tables import events

Rules = Mapping[str, SourceRules]
# Deployments by their ids, as they are shown, unless that has to be read.
Deployments = dict[UUID, dict[str, Any] | None]


class NotProjectedError(Exception):
    """What an event means could not be written, and the transaction has to be given up."""


class Projected(NamedTuple):
    """What became of an event."""

    outcome: Outcome
    deployments: Deployments
    # Who may want to know of it.
    subscriptions: Sequence[Subscription] = ()


log = structlog.get_logger()


def locked_state(
    connection: Connection, adapter: Adapter, event: Received, meaning: Meaning
) -> State | None:
    """Return the state that an event repeats or changes, after locking what it is about.

    `meaning` is what it means by itself.
    """
    state = adapter.state(event) if adapter.state else None
    if state is not None:
        runs.lock(connection, state)
    if adapter.moves:
        moves.lock(connection, meaning)
    if adapter.succession:
        succession.lock(connection, meaning, adapter.succession)
    return state


def placed(connection: Connection, adapter: Adapter, event: Received, meaning: Meaning) -> Meaning:
    """Return the meaning of an event, given the stored ones if it may repeat or move something.

    `meaning` is what it means by itself.
    """
    if adapter.moves:
        return moves.placed(connection, meaning)
    state = adapter.state(event) if adapter.state else None
    if state is not None:
        meaning = runs.placed(connection, adapter.source, state, meaning)
    if adapter.succession:
        meaning = succession.placed(connection, meaning, adapter.succession)
    return meaning


def _stored_meaning(connection: Connection, row: Row[Any], rules: Rules) -> Meaning:
    """Return the meaning of a stored event; one that cannot be read does not stop the others."""
    try:
        event = store.received(row)
    except UnreadableError as error:
        return nothing(Outcome.FAILED, str(error))
    adapter = ADAPTERS[row.source]
    return placed(connection, adapter, event, interpret(adapter, rules, event))


def project(
    connection: Connection, event_id: UUID, at: datetime, meaning: Meaning, *, isolated: bool = True
) -> Projected:
    """Write what a stored event means.

    If it is isolated, a failure is undone and recorded, and the event stays. Otherwise it raises
    NotProjectedError, and the transaction has to be given up.
    """
    if meaning.outcome is not Outcome.PROJECTED:
        return Projected(meaning.outcome, {})
    try:
        with connection.begin_nested() if isolated else nullcontext():
            found = deleted.look_up(connection, meaning, at)
            left = deleted.without_deleted(meaning, at, found.gone)
            written = _write(connection, event_id, at, left, found)
            return Projected(meaning.outcome, written, found.subscriptions)
    except ConflictError as error:
        if not isolated:
            raise NotProjectedError from error
        meaning = nothing(Outcome.FAILED, str(error))
    except (
        SQLAlchemyError,
        ValueError,
        LookupError,
        TypeError,
        ArithmeticError,
        AssertionError,
    ) as error:
        if not isolated:
            raise NotProjectedError from error
        log.exception("an event was not projected", event_id=str(event_id))
        meaning = nothing(Outcome.FAILED, f"It could not be projected: {type(error).__name__}.")
    _record_outcome(connection, event_id, meaning)
    return Projected(meaning.outcome, {})


def _write(
    connection: Connection, event_id: UUID, at: datetime, meaning: Meaning, found: Found
) -> Deployments:
    """Write what an event means; return its deployments. Raises ConflictError."""
    deployments: Deployments = {}
    if meaning.deployments:
        recorded = settling.record(connection, meaning.deployments, at, event_id, found)
        for (identifier, row), (report, _) in zip(recorded, meaning.deployments, strict=True):
            deployments[identifier] = row and shown(row, report.service, report.environment)
    for incident in meaning.incidents:
        incident_reports.record_event(connection, incident, at, event_id)
    if meaning.environments:
        names = {environment.name for environment in meaning.environments}
        catalog.environment_ids(connection, names, at)
    for environment in meaning.environments:
        catalog.learn(
            connection,
            [environment.name],
            production=environment.production,
            transient=environment.transient,
        )
    for change in meaning.changes:
        change_reports.record_event(connection, change, at, event_id)
    for removal in meaning.removals:
        removals.record(connection, removal, at, event_id)
    return deployments


def project_again(connection: Connection, ids: Sequence[UUID], rules: Rules) -> Counter[str]:
    """Undo the projection of events and project each again; return the number of each outcome."""
    kept = retraction.retract(connection, ids)
    outcomes: Counter[str] = Counter()
    for event_id in ids:
        row = connection.execute(select(events).where(events.c.id == event_id)).one()
        meaning = _stored_meaning(connection, row, rules)
        _record_outcome(connection, event_id, meaning)
        outcomes[project(connection, event_id, row.received_at, meaning).outcome] += 1
        project_replaced(connection, ADAPTERS.get(row.source), meaning, rules)
    retraction.restore(connection, kept)
    return outcomes


def project_replaced(
    connection: Connection, adapter: Adapter | None, meaning: Meaning, rules: Rules
) -> Sequence[UUID]:
    """Project again the events about what the deployments of an event replace; return their ids."""
    if adapter is None or not adapter.succession:
        return ()
    replaced = succession.replaced(connection, meaning, adapter.succession)
    if replaced:
        project_again(connection, replaced, rules)
    return replaced


def _record_outcome(connection: Connection, event_id: UUID, meaning: Meaning) -> None:
    """Record the outcome of a stored event."""
    connection.execute(
        update(events)
        .where(events.c.id == event_id)
        .values(outcome=meaning.outcome, reason=meaning.reason)
    )
