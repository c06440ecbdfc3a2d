"""Further reports of deployments that were reported before, many in one go."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import datetime
from typing import Any, NamedTuple
from uuid import UUID

from sqlalchemy import Connection

from api.domain.cells import Cell
from api.domain.deployments import nearby, settling
from api.domain.deployments.model import NewDeployment
from api.domain.deployments.reviewing import Altered
from api.domain.deployments.statements import Statement, of_report
from api.domain.deployments.witnesses import Witness
from api.domain.kit.errors import ConflictError, ContradictionError, InvalidValueError

Key = tuple[str, str]


class Stored(NamedTuple):
    """The deployment of a further report."""

    id: UUID
    # After what kinds must be decided again; None if there is nothing to decide.
    altered: Altered | None
    # Its row as it was written, if that is known.
    row: dict[str, Any] | None = None


def report_all(
    connection: Connection, reports: Mapping[int, tuple[NewDeployment, Cell]], at: datetime
) -> dict[int, Stored]:
    """Store further reports, each known by its place in a batch; the cells must be locked.

    Raises ContradictionError with all the reports that contradict another one of their source.
    """
    if not reports:
        return {}
    stated = {
        number: of_report(new.timed(at), cell, None, at) for number, (new, cell) in reports.items()
    }
    cells = {cell for _, cell in reports.values()}
    if len(reports) == 1:  # what one needs is looked up for it
        beside_events, known = cells, {}
    else:
        # An event near a report may be about the same rollout.
        earliest = min(statement.started_at for statement in stated.values())
        beside_events = nearby.cells_with_events(connection, cells, earliest)
        known = nearby.of_witnesses(connection, {statement.key for statement in stated.values()})
    added: set[Key] = set()
    stored: dict[int, Stored] = {}
    faults: list[InvalidValueError] = []
    for number, (new, cell) in reports.items():
        statement = stated[number]
        try:
            if cell in beside_events:
                identifier, report = settling.report(connection, new, cell, at)
                stored[number] = Stored(identifier, report.altered, report.row)
                continue
            here = known[statement.key]
            kept = settling.further(statement, here, settling.times_of(new))
        except ConflictError as error:
            faults.append(InvalidValueError(f"/{number}/{error.field}", str(error)))
            continue
        if kept is not None:
            here.append(kept)
            added.add(statement.key)
        stored[number] = _stored(here)
    if faults:
        detail = "Some deployments contradict earlier reports; nothing was stored."
        raise ContradictionError(detail if len(faults) > 1 else faults[0].detail, faults)
    settling.settle(connection, [[Witness(known[key])] for key in sorted(added)])
    return stored


def _stored(statements: Sequence[Statement]) -> Stored:
    return Stored(min(statement.id for statement in statements), Altered.of(statements))
