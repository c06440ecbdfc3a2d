"""What kind a deployment is: decided from what was deployed in the same place before it.

The definitions:

- `resync`: the version, the image and the configuration that already ran, once more.
- `rollback`: a version that ran before, though another one runs or was deployed just before; or the
  same version with a configuration it had before. The second try of a failed rollback is one, too.
- `hotfix`: neither, and begun while an incident was open there.
- `rollout`: anything else, a second try of a failed rollout included.

They depend on the order of starts alone, never on the order in which reports arrived, so a late
report decides anew what followed it. What the sender states is kept.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Collection, Iterable, Iterator, Sequence
from datetime import datetime
from itertools import groupby, tee
from typing import Any, NamedTuple
from uuid import UUID

from sqlalchemy import (
    CompoundSelect,
    Connection,
    String,
    and_,
    bindparam,
    or_,
    select,
    tuple_,
    union_all,
    update,
)

from api.domain.cells import Cell
from api.domain.deployments.model import Kind, Status
from api.domain.kit import versions
from api.tables import deployments, incidents

ATTEMPTED = (Status.SUCCEEDED, Status.FAILED)
# Up to this many deployments, look up each one's past; beyond it, read the whole history once.
FEW = 4
# How many deployments of a long history are in memory at a time.
CHUNK = 1000


class Attempt(NamedTuple):
    """The values of a deployment that decide kinds."""

    id: UUID
    started_at: datetime
    status: str
    version: str
    image_digest: str | None
    config_revision: str | None
    kind: str
    stated_kind: str | None

    def same_application(self, other: Attempt) -> bool:
        """Say whether the version is the same, and the image as far as both are known."""
        return versions.same(self.version, other.version) and _agree(
            self.image_digest, other.image_digest
        )

    def same(self, other: Attempt) -> bool:
        """Say whether the configuration is the same too, as far as both are known."""
        return self.same_application(other) and _agree(self.config_revision, other.config_revision)


Outage = tuple[datetime, datetime | None]
COLUMNS = tuple(deployments.c[name] for name in Attempt._fields)
ORDER = (deployments.c.started_at, deployments.c.id)
NEWEST_FIRST = [each.desc() for each in ORDER]
IN_CELL = select(*COLUMNS).where(
    deployments.c.service_id == bindparam("service_id"),
    deployments.c.environment_id == bindparam("environment_id"),
)
IN_OUTAGE = (
    select(incidents.c.id)
    .where(
        incidents.c.service_id == deployments.c.service_id,
        incidents.c.environment_id == deployments.c.environment_id,
        incidents.c.detected_at <= deployments.c.started_at,
        or_(
            incidents.c.resolved_at.is_(None),
            incidents.c.resolved_at > deployments.c.started_at,
        ),
    )
    .exists()
)
# The first deployments of a cell since a time, and whether each began while an incident was open.
AFFECTED = (
    IN_CELL.add_columns(IN_OUTAGE)
    .where(deployments.c.started_at >= bindparam("since"))
    .order_by(*ORDER)
    .limit(FEW + 1)
)


def _newest() -> CompoundSelect[Any]:
    """Return the SELECT of the few deployments before an attempt that can matter to its kind.

    The newest that meets each condition: one look along an index for each, all in one statement.
    """
    earlier = IN_CELL.where(
        tuple_(*ORDER) < tuple_(*(bindparam(each.name, type_=each.type) for each in ORDER))
    )
    success = deployments.c.status == Status.SUCCEEDED
    digest = bindparam("image_digest", type_=String)
    same_application = and_(
        success,
        deployments.c.version.in_(bindparam("spellings", expanding=True)),
        or_(
            digest.is_(None),
            deployments.c.image_digest.is_(None),
            deployments.c.image_digest == digest,
        ),
    )
    same = and_(same_application, deployments.c.config_revision == bindparam("config_revision"))
    return union_all(
        *(
            select(earlier.where(condition).order_by(*NEWEST_FIRST).limit(1).subquery())
            for condition in (deployments.c.status.in_(ATTEMPTED), success, same_application, same)
        )
    )


PAST = _newest()


def decide(history: Iterable[Attempt], outages: Sequence[Outage]) -> Iterator[Kind]:
    """Yield the kind of each deployment of one cell; the history is in the order of starts."""
    succeeded: dict[str, dict[tuple[str | None, str | None], Attempt]] = {}
    previous: Attempt | None = None
    live: Attempt | None = None
    for attempt in history:
        before = succeeded.get(versions.canonical(attempt.version), {}).values()
        yield _kind(attempt, previous, live, before, outages)
        if attempt.status in ATTEMPTED:
            previous = attempt
        if attempt.status == Status.SUCCEEDED:
            live = attempt
            known = succeeded.setdefault(versions.canonical(attempt.version), {})
            known[attempt.image_digest, attempt.config_revision] = attempt


def review(connection: Connection, cell: Cell, since: datetime) -> None:
    """Decide again what each deployment of a cell started at or after `since` is."""
    affected = connection.execute(AFFECTED, {**cell._asdict(), "since": since}).all()
    if len(affected) <= FEW:
        for *values, in_outage in affected:
            attempt = Attempt._make(values)
            past = _relevant_past(connection, cell, attempt)
            *_, kind = decide([*past, attempt], [(attempt.started_at, None)] if in_outage else [])
            _store(connection, attempt, kind)
        return
    outages = _outages_of(connection, [cell])[cell]
    history, decided = tee(_history(connection, cell))
    for attempt, kind in zip(history, decide(decided, outages), strict=True):
        if attempt.started_at >= since:
            _store(connection, attempt, kind)


def review_all(connection: Connection, places: Sequence[Cell]) -> None:
    """Decide again what each deployment of some cells was, and read them all in one go."""
    here = (deployments.c.service_id, deployments.c.environment_id)
    statement = select(*here, *COLUMNS).where(tuple_(*here).in_(places)).order_by(*here, *ORDER)
    rows = connection.execute(statement, execution_options={"yield_per": CHUNK})
    outages = _outages_of(connection, places)
    changed: list[dict[str, Any]] = []
    for cell, found in groupby(rows, key=lambda row: Cell(row[0], row[1])):
        history, decided = tee(Attempt._make(row[len(here) :]) for row in found)
        for attempt, decision in zip(history, decide(decided, outages[cell]), strict=True):
            kind = attempt.stated_kind or decision
            if attempt.kind != kind:
                changed.append({"changed": attempt.id, "kind": kind})
    if changed:
        connection.execute(
            update(deployments).where(deployments.c.id == bindparam("changed")), changed
        )


def _kind(
    attempt: Attempt,
    previous: Attempt | None,
    live: Attempt | None,
    before: Collection[Attempt],
    outages: Sequence[Outage],
) -> Kind:
    if previous and live and previous.same(attempt) and live.same(attempt):
        return Kind.RESYNC
    if any(each and not each.same_application(attempt) for each in (previous, live)):
        if any(each.same_application(attempt) for each in before):
            return Kind.ROLLBACK
    elif attempt.config_revision and any(
        each.same(attempt) and each.config_revision for each in before
    ):
        return Kind.ROLLBACK
    start = attempt.started_at
    if any(since <= start and (until is None or start < until) for since, until in outages):
        return Kind.HOTFIX
    return Kind.ROLLOUT


def _agree(one: str | None, other: str | None) -> bool:
    return one is None or other is None or one == other


def _history(connection: Connection, cell: Cell) -> Iterator[Attempt]:
    """Yield all deployments of a cell; what is decided meanwhile does not disturb the reading."""
    statement = IN_CELL.order_by(*ORDER).limit(CHUNK)
    chunk = connection.execute(statement, cell._asdict()).all()
    while chunk:
        yield from map(Attempt._make, chunk)
        last = Attempt._make(chunk[-1])
        after = tuple_(*ORDER) > tuple_(last.started_at, last.id)
        if len(chunk) < CHUNK:
            return
        chunk = connection.execute(statement.where(after), cell._asdict()).all()


def _outages_of(connection: Connection, places: Sequence[Cell]) -> dict[Cell, list[Outage]]:
    here = (incidents.c.service_id, incidents.c.environment_id)
    found: dict[Cell, list[Outage]] = defaultdict(list)
    for service_id, environment_id, *outage in connection.execute(
        select(*here, incidents.c.detected_at, incidents.c.resolved_at).where(
            tuple_(*here).in_(places)
        )
    ):
        found[Cell(service_id, environment_id)].append((outage[0], outage[1]))
    return found


def _relevant_past(connection: Connection, cell: Cell, attempt: Attempt) -> list[Attempt]:
    """Return the few deployments before this one that can matter to the decision."""
    values = {
        **cell._asdict(),
        **attempt._asdict(),
        "spellings": versions.spellings(attempt.version),
    }
    found = {Attempt._make(row) for row in connection.execute(PAST, values)}
    return sorted(found, key=lambda each: (each.started_at, each.id))


def _store(connection: Connection, attempt: Attempt, decided: Kind) -> None:
    kind = attempt.stated_kind or decided
    if attempt.kind != kind:
        connection.execute(
            update(deployments).where(deployments.c.id == attempt.id).values(kind=kind)
        )
