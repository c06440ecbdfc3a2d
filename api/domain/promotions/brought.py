"""The changes that a release brings where another one runs."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from functools import cache
from typing import Any, NamedTuple
from uuid import UUID

from sqlalchemy import Connection, Integer, Select, String, Uuid, func, select, union_all

from api.domain.changes import precedences
from api.domain.changes.versions import sort_key
from api.domain.kit.records import Records
from api.domain.promotions import commits
from api.tables import changes
from api.tables import versions as kept

# A reviewer reads the newest ones; the count says how many there are.
MAX_CHANGES = 100
FIELDS = ("id", "commit", "committed_at", "author", "title", "version")
NONE: Mapping[str, Any] = {"change_count": 0, "changes": []}
RANGES = Records(
    "ranges", {"number": Integer(), "service_id": Uuid(), "above": String(), "until": String()}
)
WANTED = Records("wanted", {"number": Integer(), "service_id": Uuid(), "version": String()})


class Replacement(NamedTuple):
    """A release of a service, and the version that it replaces, if any."""

    service_id: UUID
    old: str | None
    new: str


def brought(connection: Connection, replacements: Sequence[Replacement]) -> list[dict[str, Any]]:
    """Return the changes that each release brings, newest first, and how many they are.

    At most MAX_CHANGES of each are listed. That takes three statements, however many there are, and
    two more where versions have no order of their own.
    """
    found: list[dict[str, Any]] = [{**NONE, "changes": []} for _ in replacements]
    wanted = [
        {"number": number, "service_id": replacements[number].service_id, "version": version}
        for number, version in _versions(connection, replacements)
    ]
    if wanted:
        values = {"wanted": WANTED.packed(connection.dialect, wanted)}
        for row in connection.execute(_newest(connection.dialect.name), values).mappings():
            of_it = found[row["number"]]
            of_it["change_count"] = row["count"]
            of_it["changes"].append({name: row[name] for name in FIELDS})
    return found


def _versions(
    connection: Connection, replacements: Sequence[Replacement]
) -> Iterator[tuple[int, str]]:
    """Yield the versions that each release brings, beside others that have no changes."""
    unordered = precedences.without_order(connection, {one.service_id for one in replacements})
    ranges: dict[int, tuple[str, str]] = {}
    others: set[int] = set()
    for number, (service_id, old, new) in enumerate(replacements):
        above, until = sort_key(old) if old else "", sort_key(new)
        if service_id in unordered or not until or (old and not above):
            others.add(number)
        else:
            ranges[number] = above, until
    inside: list[tuple[int, str]] = []
    for number, version, precedence in _in_ranges(connection, replacements, ranges):
        key = sort_key(version) if precedence is None else precedence  # it was noted just now
        above, until = ranges[number]
        if not key:
            others.add(number)
        elif above < key <= until:
            inside.append((number, version))
    yield from ((number, version) for number, version in inside if number not in others)
    asked = [{"number": number, **replacements[number]._asdict()} for number in sorted(others)]
    yield from commits.between(connection, asked)


def _in_ranges(
    connection: Connection,
    replacements: Sequence[Replacement],
    ranges: Mapping[int, tuple[str, str]],
) -> Sequence[Any]:
    if not ranges:
        return []
    records = (
        {
            "number": number,
            "service_id": replacements[number].service_id,
            "above": above,
            "until": until,
        }
        for number, (above, until) in ranges.items()
    )
    values = {"ranges": RANGES.packed(connection.dialect, records)}
    return connection.execute(_within(connection.dialect.name), values).all()


@cache
def _within(dialect: str) -> Any:
    """Select the versions within ranges, and those whose precedence is not known yet."""
    ranges = RANGES.table(dialect)
    columns = (ranges.c.number, kept.c.version, kept.c.precedence)
    of_it = kept.c.service_id == ranges.c.service_id
    inside = (kept.c.precedence > ranges.c.above, kept.c.precedence <= ranges.c.until)
    return union_all(
        select(*columns).join_from(ranges, kept, of_it).where(*inside),
        select(*columns)
        .join_from(ranges, kept, of_it)
        .where(kept.c.precedence.is_(None), precedences.OF_A_CHANGE),
    )


@cache
def _newest(dialect: str) -> Select[Any]:
    """Select the newest changes of the wanted versions, by number, and how many there are."""
    wanted = WANTED.table(dialect)
    of_it = (changes.c.service_id == wanted.c.service_id) & (changes.c.version == wanted.c.version)
    newest_first = (changes.c.committed_at.desc(), changes.c.id.desc())
    numbered = (
        select(
            wanted.c.number,
            *(changes.c[name] for name in FIELDS),
            func.count().over(partition_by=wanted.c.number).label("count"),
            func.row_number()
            .over(partition_by=wanted.c.number, order_by=newest_first)
            .label("place"),
        )
        .join_from(wanted, changes, of_it)
        .subquery()
    )
    return (
        select(numbered)
        .where(numbered.c.place <= MAX_CHANGES)
        .order_by(numbered.c.number, numbered.c.place)
    )
