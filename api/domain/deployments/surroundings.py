"""Surroundings: what the ledger has around some deployments, whether they are written yet or not.

One statement looks along an index for each fact about each of them, so its time depends neither on
the length of the history nor on how often a tag was deployed.
"""

from __future__ import annotations

from collections.abc import Sequence
from datetime import UTC, datetime
from functools import cache
from typing import Any, NamedTuple
from uuid import UUID

from pydantic_core import from_json
from sqlalchemy import (
    ColumnElement,
    Connection,
    FromClause,
    Integer,
    ScalarSelect,
    String,
    Text,
    Uuid,
    and_,
    cast,
    exists,
    func,
    literal_column,
    or_,
    select,
    tuple_,
)

from api.domain.cells import Cell
from api.domain.deployments.correlation import LONGEST, WINDOW
from api.domain.deployments.model import Status
from api.domain.kit import versions
from api.domain.kit.queries import Query
from api.domain.kit.records import Records
from api.domain.kit.sql import Earlier, abbreviates, named_otherwise
from api.tables import UtcDateTime, deployments, evidence, incidents

ATTEMPTED = (Status.SUCCEEDED, Status.FAILED)


class Attempt(NamedTuple):
    """The values of a deployment that decide its kind, and those of later ones."""

    id: UUID
    started_at: datetime
    status: str
    version: str
    image_digest: str | None
    config_revision: str | None
    commit: str | None

    @property
    def release(self) -> tuple[str | None, ...]:
        """Return all that says what was deployed."""
        return self.version, self.image_digest, self.config_revision, self.commit

    def same_application(self, other: Attempt) -> bool:
        """Say whether they are named alike, and the image is the same as far as both are known."""
        return versions.alike(self, other) and _agree(self.image_digest, other.image_digest)

    def same(self, other: Attempt) -> bool:
        """Say whether the configuration is the same too, as far as both are known."""
        return self.same_application(other) and _agree(self.config_revision, other.config_revision)


class Place(NamedTuple):
    """A deployment and its cell, and who reports it if that matters."""

    cell: Cell
    attempt: Attempt
    source: str = ""
    external_id: str | None = None


class Surroundings(NamedTuple):
    """What is around a deployment."""

    # Whether its source has told of it by several reports or by an event.
    told: bool
    # Whether an event may be about it as well.
    near_events: bool
    # Whether others of its cell started after it.
    followed: bool
    in_outage: bool
    # The few deployments before it that can matter to its kind.
    past: set[Attempt]


PLACES = Records(
    "p",
    {
        "number": Integer(),
        "id": Uuid(),
        "service_id": Uuid(),
        "environment_id": Uuid(),
        "started_at": UtcDateTime(),
        "version": String(),
        "spelling": String(),
        # The version, if it can be a commit.
        "begin": String(),
        "commit": String(),
        "image_digest": String(),
        "config_revision": String(),
        "source": String(),
        "external_id": String(),
    },
)
FLAGS = Surroundings._fields[:-1]


def of_each(connection: Connection, places: Sequence[Place]) -> list[Surroundings]:
    """Return what is around each of some deployments, in the same order."""
    records = (
        {
            "number": number,
            **place.cell._asdict(),
            **place.attempt._asdict(),
            "version": (spelled := versions.spellings(place.attempt.version))[0],
            "spelling": spelled[1] if len(spelled) > 1 else None,
            "begin": versions.as_commit(place.attempt.version),
            "source": place.source,
            "external_id": place.external_id,
        }
        for number, place in enumerate(places)
    )
    given = {PLACES.name: PLACES.packed(connection.dialect, records)}
    rows = _query(connection.dialect.name).tuples(connection, given)
    return [_surroundings(row) for row in sorted(rows, key=lambda row: row[0])]


def _surroundings(row: Sequence[Any]) -> Surroundings:
    first = 1 + len(FLAGS)
    told, near_events, followed, in_outage = map(bool, row[1:first])
    # Often the same one meets several conditions.
    past = {_attempt(packed) for packed in set(row[first:]) - {None}}
    return Surroundings(told, near_events, followed, in_outage, past)


def _attempt(packed: str) -> Attempt:
    identifier, started_at, *others = from_json(packed)
    at = datetime.fromisoformat(started_at)
    return Attempt(UUID(identifier), at.replace(tzinfo=at.tzinfo or UTC), *others)


@cache
def _query(dialect: str) -> Query:
    """Return the query for the facts about each place: its number, the flags, and its past.

    An attempt is packed into one value: a column costs more than what is in it.
    """
    places = PLACES.table(dialect)
    place, others = places.c, deployments.alias("o")
    succeeded = others.c.status == Status.SUCCEEDED
    same_image = or_(
        place.image_digest.is_(None),
        others.c.image_digest.is_(None),
        others.c.image_digest == place.image_digest,
    )
    same_configuration = and_(
        place.config_revision.is_not(None),
        others.c.config_revision == place.config_revision,
    )
    by_start: Sequence[ColumnElement[Any]] = (others.c.started_at, others.c.id)
    wanted = [(condition, by_start) for condition in (others.c.status.in_(ATTEMPTED), succeeded)]
    # One look for each name, in the order that its index has.
    for named_alike, order in (
        (others.c.version == place.version, by_start),
        (others.c.version == place.spelling, by_start),
        (abbreviates(others.c.version, place.commit), (others.c.version, *by_start)),
        (named_otherwise(others, place.begin), (others.c.commit,)),
    ):
        same_application = and_(succeeded, named_alike, same_image)
        wanted += [(same_application, order), (and_(same_application, same_configuration), order)]
    array = func.json_build_array if dialect == "postgresql" else func.json_array
    packed = cast(array(*(others.c[name] for name in Attempt._fields)), Text)
    past = (_last_before(place, others, packed, *each) for each in wanted)
    return Query(select(place.number, *_flags(place), *past))


def _last_before(
    place: Any,
    others: FromClause,
    packed: ColumnElement[str],
    condition: ColumnElement[bool],
    order: Sequence[ColumnElement[Any]],
) -> ScalarSelect[str]:
    """Return the last deployment, in some order, of a cell before a place that meets a condition.

    Of those that have the same release under another name, it does not matter which it is.
    """
    before = tuple_(others.c.started_at, others.c.id) < tuple_(place.started_at, place.id)
    return (
        select(packed)
        .where(
            others.c.service_id == place.service_id,
            others.c.environment_id == place.environment_id,
            before,
            condition,
        )
        .order_by(*(each.desc() for each in order))
        .limit(literal_column("1"))
        .correlate(place.number.table)
        .scalar_subquery()
    )


def _flags(place: Any) -> tuple[ColumnElement[bool], ...]:
    """Return the conditions whose results are the FLAGS."""
    later = deployments.alias("l")
    told = exists().where(
        evidence.c.source == place.source, evidence.c.external_id == place.external_id
    )
    near_events = exists().where(
        evidence.c.service_id == place.service_id,
        evidence.c.environment_id == place.environment_id,
        evidence.c.started_at >= Earlier(place.started_at, LONGEST + WINDOW),
        evidence.c.event_id.is_not(None),
    )
    followed = exists().where(
        later.c.service_id == place.service_id,
        later.c.environment_id == place.environment_id,
        tuple_(later.c.started_at, later.c.id) > tuple_(place.started_at, place.id),
    )
    in_outage = exists().where(
        incidents.c.service_id == place.service_id,
        incidents.c.environment_id == place.environment_id,
        incidents.c.detected_at <= place.started_at,
        or_(incidents.c.resolved_at.is_(None), incidents.c.resolved_at > place.started_at),
    )
    return told, near_events, followed, in_outage


def _agree(one: str | None, other: str | None) -> bool:
    return one is None or other is None or one == other
