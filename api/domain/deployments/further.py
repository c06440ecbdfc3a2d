"""Further reports of deployments that were reported before, many in one go."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime
from uuid import UUID

from sqlalchemy import Connection

from api.domain.cells import Cell
from api.domain.deployments import nearby, settling
from api.domain.deployments.model import NewDeployment
from api.domain.deployments.statements import Statement, of_report
from api.domain.deployments.witnesses import Witness

Key = tuple[str, str]
# The id of a deployment, and the time from which kinds must be decided again.
Stored = tuple[UUID, datetime]


def report_all(
    connection: Connection, reports: Sequence[tuple[NewDeployment, Cell]], at: datetime
) -> list[Stored]:
    """Store further reports; the cells must be locked.

    Raises ConflictError for a report that contradicts another one of its source.
    """
    if len(reports) < 2:  # noqa: PLR2004 (what few need is looked up for each)
        return [settling.report(connection, new, cell, at) for new, cell in reports]
    stated = [of_report(new.timed(at), cell, None, at) for new, cell in reports]
    earliest = min(each.started_at for each in stated)
    # An event near a report may be about the same rollout.
    beside_events = nearby.cells_with_events(connection, {cell for _, cell in reports}, earliest)
    known = nearby.of_witnesses(connection, {each.key for each in stated})
    added: set[Key] = set()
    stored: list[Stored] = []
    for (new, cell), statement in zip(reports, stated, strict=True):
        if cell in beside_events:
            stored.append(settling.report(connection, new, cell, at))
            continue
        here = known[statement.key]
        kept = settling.further(statement, here, settling.times_of(new))
        if kept is not None:
            here.append(kept)
            added.add(statement.key)
        stored.append(_stored(here))
    settling.settle(connection, [[Witness(known[key])] for key in sorted(added)])
    return stored


def _stored(statements: Sequence[Statement]) -> Stored:
    return min(each.id for each in statements), min(each.started_at for each in statements)
