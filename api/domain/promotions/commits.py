"""The versions that a release brings where versions go by the time of their latest commit."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from functools import cache
from typing import Any

from sqlalchemy import (
    ColumnElement,
    Connection,
    Integer,
    ScalarSelect,
    Select,
    String,
    Uuid,
    func,
    select,
)

from api.domain.kit.records import Records
from api.domain.kit.sql import same_version
from api.domain.kit.times import EPOCH
from api.domain.kit.versions import spellings
from api.tables import UtcDateTime, changes

# A release of a service, and the version that it replaces, if any.
ASKED = Records(
    "asked", {"number": Integer(), "service_id": Uuid(), "old": String(), "new": String()}
)
RANGES = Records(
    "ranges",
    {"number": Integer(), "service_id": Uuid(), "above": UtcDateTime(), "until": UtcDateTime()},
)


def between(connection: Connection, asked: Sequence[dict[str, Any]]) -> Iterator[tuple[int, str]]:
    """Yield the versions that each release brings, in two statements: only itself if in doubt.

    A version is between two if its latest commit is. Each of its spellings is told, whether it has
    changes or not. `asked` has the fields of ASKED.
    """
    if not asked:
        return
    dialect = connection.dialect
    given = {ASKED.name: ASKED.packed(dialect, asked)}
    ranges = []
    for row in connection.execute(_ends(dialect.name), given):
        if row.until is None or (row.old is not None and row.above is None):
            yield from ((row.number, text) for text in spellings(row.new))
        else:
            ranges.append({**row._mapping, "above": row.above or EPOCH})
    if ranges:
        values = {RANGES.name: RANGES.packed(dialect, ranges)}
        rows = connection.execute(_versions(dialect.name), values)
        yield from {(number, text) for number, version in rows for text in spellings(version)}


@cache
def _ends(dialect: str) -> Select[Any]:
    """Select what is asked for, with the times of the latest commits of both versions."""
    asked = ASKED.table(dialect)

    def latest(version: ColumnElement[str]) -> ScalarSelect[Any]:
        return (
            select(func.max(changes.c.committed_at))
            .where(
                changes.c.service_id == asked.c.service_id,
                same_version(changes.c.version, version),
            )
            .scalar_subquery()
        )

    ends = latest(asked.c.old).label("above"), latest(asked.c.new).label("until")
    return select(*asked.c, *ends)


@cache
def _versions(dialect: str) -> Select[Any]:
    """Select the versions that have a commit in a range, and none after it."""
    ranges, later = RANGES.table(dialect), changes.alias("later")
    of_it = changes.c.service_id == ranges.c.service_id
    inside = (changes.c.committed_at > ranges.c.above, changes.c.committed_at <= ranges.c.until)
    found = (
        select(*ranges.c, changes.c.version)
        .join_from(ranges, changes, of_it)
        .where(*inside, changes.c.version.is_not(None))
        .distinct()
        .subquery()
    )
    goes_on = (
        select(later.c.id)
        .where(
            later.c.service_id == found.c.service_id,
            same_version(later.c.version, found.c.version),
            later.c.committed_at > found.c.until,
        )
        .exists()
    )
    return select(found.c.number, found.c.version).where(~goes_on)
