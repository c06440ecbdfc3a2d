"""Decide kinds again: of what a late report, a correction or a deletion can matter to."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Collection, Iterable, Iterator, Mapping, Sequence
from datetime import UTC, datetime
from functools import cache
from itertools import batched, chain, groupby, tee
from typing import Any, NamedTuple

from sqlalchemy import (
    Connection,
    Integer,
    Row,
    Select,
    String,
    Subquery,
    bindparam,
    func,
    literal_column,
    select,
    tuple_,
    union,
    update,
)

from api.domain import cells
from api.domain.cells import Cell
from api.domain.deployments import surroundings
from api.domain.deployments.kinds import Outage, decide, decide_each
from api.domain.deployments.model import Kind, Status
from api.domain.deployments.statements import Statement
from api.domain.deployments.surroundings import Attempt, Place
from api.domain.kit import versions
from api.domain.kit.records import Records
from api.domain.kit.sql import abbreviates, named_otherwise
from api.tables import UtcDateTime, deployments, incidents

# How many deployments of a long history are in memory at a time.
CHUNK = 1000

ORDER = (deployments.c.started_at, deployments.c.id)
COLUMNS = tuple(
    deployments.c[name]
    for name in (*Attempt._fields, "service_id", "environment_id", "kind", "stated_kind")
)
END = datetime.max.replace(tzinfo=UTC)
HERE = (
    deployments.c.service_id == bindparam("service_id"),
    deployments.c.environment_id == bindparam("environment_id"),
)
# What succeeds next is what runs and what came before for all that follow.
NEXT_SUCCESS = (
    select(deployments.c.started_at)
    .where(
        *HERE,
        deployments.c.status == Status.SUCCEEDED,
        deployments.c.started_at > bindparam("until", type_=UtcDateTime()),
    )
    .order_by(deployments.c.started_at)
    .limit(literal_column("1"))
    .scalar_subquery()
)
# Names of deployments that were altered: a commit, or a version that can be one.
NAMED = Records("asked", {"commit": String(), "version": String()})
DECIDED = (
    update(deployments)
    .where(deployments.c.id == bindparam("changed", type_=deployments.c.id.type))
    .values(kind=bindparam("decided"))
)


class Altered(NamedTuple):
    """What was altered in the history of a cell: starts within a span, and of which releases.

    It can matter to what began in that span, to what follows until the next success, and to later
    deployments that are named as these releases are.
    """

    since: datetime
    until: datetime = END
    versions: frozenset[str] = frozenset()
    commits: frozenset[str] = frozenset()

    @classmethod
    def at(cls, start: datetime, version: str, commit: str | None) -> Altered:
        """Return what is altered if a deployment is."""
        return cls(start, start, frozenset({version}), frozenset({commit} if commit else ()))

    @classmethod
    def of(cls, statements: Collection[Statement]) -> Altered:
        """Return what is altered if the deployments of some statements are."""
        starts = [statement.started_at for statement in statements]
        # A correction does not state any.
        versions, commits = (
            frozenset(name for each in statements if (name := each.said.get(field)))
            for field in ("version", "commit")
        )
        return cls(min(starts), max(starts), versions, commits)

    def __or__(self, other: Altered) -> Altered:
        """Return what either altered, and what is between them."""
        return Altered(
            min(self.since, other.since),
            max(self.until, other.until),
            self.versions | other.versions,
            self.commits | other.commits,
        )

    def named(self) -> Iterator[dict[str, str | None]]:
        """Yield the records that NAMED is about."""
        for commit in sorted(self.commits):
            yield {"commit": commit, "version": None}
        for version in sorted(self.versions):
            if versions.as_commit(version):
                yield {"commit": None, "version": version}


class Known(NamedTuple):
    """A deployment that is written: its kind, and the one that its sender states."""

    place: Place
    kind: str
    stated_kind: str | None

    @classmethod
    def of(cls, row: Row[Any]) -> Known:
        """Return the deployment that a row with COLUMNS has."""
        *attempt, service_id, environment_id, kind, stated_kind = tuple(row)
        place = Place(Cell(service_id, environment_id), Attempt._make(attempt))
        return cls(place, kind, stated_kind)


def review(connection: Connection, cell: Cell, altered: Altered) -> None:
    """Decide again what each deployment of a cell is that may be of another kind now."""
    review_each(connection, {cell: altered})


def review_each(connection: Connection, altered: Mapping[Cell, Altered]) -> None:
    """Decide again what each deployment of some cells is that may be of another kind now."""
    affected = chain.from_iterable(_affected(connection, *each) for each in altered.items())
    for chunk in batched(affected, CHUNK):
        places = [known.place for known in chunk]
        around = surroundings.of_each(connection, places)
        kinds = decide_each(list(zip(places, around, strict=True)))
        _store(connection, ((known, kinds[known.place.attempt.id]) for known in chunk))


def review_all(connection: Connection, places: Sequence[Cell]) -> None:
    """Decide again what each deployment of some cells was, and read them all in one go."""
    here = (deployments.c.service_id, deployments.c.environment_id)
    there = cells.among(connection, deployments, places)
    statement = select(*COLUMNS).where(there).order_by(*here, *ORDER)
    rows = connection.execute(statement, execution_options={"yield_per": CHUNK})
    outages = _outages_of(connection, places)
    changed: list[tuple[Known, Kind]] = []
    for cell, found in groupby(map(Known.of, rows), key=lambda known: known.place.cell):
        history, decided = tee(found)
        attempts = (known.place.attempt for known in decided)
        for known, kind in zip(history, decide(attempts, outages[cell]), strict=True):
            if known.kind != (known.stated_kind or kind):
                changed.append((known, kind))
    _store(connection, changed)


def _affected(connection: Connection, cell: Cell, altered: Altered) -> Iterator[Known]:
    """Yield what may be of another kind; deciding that does not disturb the reading."""
    spelled = {text for version in altered.versions for text in versions.spellings(version)}
    values: dict[str, Any] = {
        **cell._asdict(),
        "since": altered.since,
        "until": altered.until,
        "end": END,
        "versions": list(spelled),
        NAMED.name: NAMED.packed(connection.dialect, altered.named()),
        "chunk": CHUNK,
    }
    first, following = _since(connection.dialect.name)
    rows = connection.execute(first, values).all()
    while rows:
        yield from map(Known.of, rows)
        if len(rows) < CHUNK:
            return
        values |= {"since": rows[-1].started_at, "last": rows[-1].id}
        rows = connection.execute(following, values).all()


@cache
def _since(dialect: str) -> tuple[Select[Any], Select[Any]]:
    """Select the deployments of a cell that may be of another kind, in the order of starts.

    The next ones, if there are more, come after the last.
    """
    affected = _altered(dialect)
    order = (affected.c.started_at, affected.c.id)
    first = select(affected).order_by(*order).limit(bindparam("chunk", type_=Integer))
    last = tuple_(bindparam("since"), bindparam("last", type_=deployments.c.id.type))
    return first, first.where(tuple_(*order) > last)


def _altered(dialect: str) -> Subquery:
    since = bindparam("since", type_=UtcDateTime())
    until = func.coalesce(NEXT_SUCCESS, bindparam("end", type_=UtcDateTime()))
    start, version, asked = deployments.c.started_at, deployments.c.version, NAMED.table(dialect)
    here = select(*COLUMNS).where(*HERE)
    later = here.where(start >= since)
    return union(
        here.where(start.between(since, until)),
        later.where(version.in_(bindparam("versions", expanding=True))),
        later.join_from(asked, deployments, abbreviates(version, asked.c.commit)),
        later.join_from(asked, deployments, named_otherwise(deployments, asked.c.version)),
    ).subquery()


def _outages_of(connection: Connection, places: Sequence[Cell]) -> dict[Cell, list[Outage]]:
    there = cells.among(connection, incidents, places)
    found: dict[Cell, list[Outage]] = defaultdict(list)
    columns = (incidents.c[name] for name in (*Cell._fields, "detected_at", "resolved_at"))
    for service_id, environment_id, *outage in connection.execute(select(*columns).where(there)):
        found[Cell(service_id, environment_id)].append((outage[0], outage[1]))
    return found


def _store(connection: Connection, decided: Iterable[tuple[Known, Kind]]) -> None:
    changed = [
        {"changed": known.place.attempt.id, "decided": kind}
        for known, decision in decided
        if known.kind != (kind := known.stated_kind or decision)
    ]
    if changed:
        connection.execute(DECIDED, changed)
