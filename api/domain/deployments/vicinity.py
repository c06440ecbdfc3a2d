"""What is stated near some statements: about the same place and time, and perhaps the same release.

A place where much happens has hundreds of deployments at the same time, and few of them have to do
with each other. So only those are read that may be named as others are.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from datetime import datetime
from functools import cache
from typing import Any, NamedTuple

from sqlalchemy import (
    CompoundSelect,
    Connection,
    Select,
    String,
    Uuid,
    bindparam,
    or_,
    select,
    union,
)

from api.domain.cells import Cell
from api.domain.deployments import correlation
from api.domain.deployments.correlation import LONGEST, WINDOW, Key, Names
from api.domain.deployments.nearby import EVERYTHING, HOMES, homes_of, statements_in
from api.domain.deployments.statements import Statement
from api.domain.deployments.witnesses import Witness, witnesses
from api.domain.kit.versions import spellings
from api.tables import UtcDateTime, deployments, evidence

NAMES = ("version", "image_digest", "commit")
# What no text matches.
NO_COMMIT = "^$"


class Around(NamedTuple):
    """Which statements are near: those within a time that may name the same as others."""

    start: datetime
    end: datetime
    versions: frozenset[str]
    digests: frozenset[str]
    commits: frozenset[str]

    @classmethod
    def of(cls, here: Sequence[Witness]) -> Around:
        """Return what is near some witnesses."""
        names = Names.of([statement for witness in here for statement in witness.statements])
        return cls(
            min(witness.started_at for witness in here) - WINDOW,
            max(witness.ended_at for witness in here) + WINDOW,
            frozenset(spelling for name in names.versions for spelling in spellings(name)),
            frozenset(names.digests),
            frozenset(names.abbreviated),
        )

    def __or__(self, other: Around) -> Around:
        """Return what is near the witnesses of either."""
        return Around(
            min(self.start, other.start),
            max(self.end, other.end),
            self.versions | other.versions,
            self.digests | other.digests,
            self.commits | other.commits,
        )

    def wider(self) -> Around:
        """Return what is read: more than needed, so that a second look is rarely necessary."""
        return self._replace(start=self.start - WINDOW, end=self.end + WINDOW)


class Vicinity:
    """What is stated near some statements of one cell, read as far as is needed."""

    def __init__(self, connection: Connection, seed: Sequence[Statement]) -> None:
        self._connection = connection
        self._seed = seed
        self._read(Around.of(witnesses(seed)))

    def of_witness(self, key: Key) -> list[Statement]:
        """Return the statements of a witness that are known already."""
        return [statement for statement in self._found.values() if statement.key == key]

    def rollouts(
        self, seed: Sequence[Statement], beside: Iterable[Statement] = ()
    ) -> list[list[Witness]]:
        """Return the rollouts of some statements, and all others that change because of them.

        Each is the list of its witnesses. Of statements `beside`, only what changes is returned.
        """
        keys = {statement.key for statement in seed}
        near = {statement.key for statement in beside}
        while True:
            here = {statement.id: statement for statement in seed}
            known = correlation.Neighbourhood(witnesses([*(self._found | here).values()]))
            reached = known.reached(keys | near)
            # Who is closest to whom is certain only if all that is near both is known.
            if self._covers(known.beside(reached)):
                own = [group for group in reached if any(witness.key in keys for witness in group)]
                others = [group for group in correlation.changed(reached) if group not in own]
                return own + others

    def neighbours(self, seed: Sequence[Statement]) -> list[Statement]:
        """Return the statements of witnesses that may tell of the same rollouts as these."""
        keys = {statement.key for statement in seed}
        known = correlation.Neighbourhood(witnesses(self._found.values()))
        near = {other for key in keys for other in known.neighbours.get(key, ())} - keys
        return [statement for key in near for statement in known.witnesses[key].statements]

    def _covers(self, here: Sequence[Witness]) -> bool:
        """Return whether all that is near some witnesses has been read; read it if not."""
        needed = self._around | Around.of(here)
        if needed == self._around:
            return True
        self._read(needed)
        return False

    def _read(self, around: Around) -> None:
        self._around = around.wider()
        found = _near(self._connection, self._seed, self._around)
        self._found = {statement.id: statement for statement in found}


def _near(connection: Connection, here: Sequence[Statement], around: Around) -> list[Statement]:
    """Return the statements about the deployments around, and about those already known."""
    named = {
        (statement.source, statement.external_id)
        for statement in here
        if statement.external_id is not None
    }
    known = {statement.deployment_id for statement in here} - {None}
    of_event = any(statement.event_id is not None for statement in here)
    values: dict[str, Any] = {
        "service_id": here[0].service_id,
        "environment_id": here[0].environment_id,
        "start": around.start,
        "earliest": around.start - LONGEST,
        "end": around.end,
        "versions": list(around.versions),
        "digests": list(around.digests),
        "commits": "|".join(sorted(around.commits)) or NO_COMMIT,
        "known": list(known),
    }
    for number, (source, external_id) in enumerate(named):
        values |= {f"source_{number}": source, f"external_id_{number}": external_id}
    return statements_in(connection.execute(_asked(len(named), bool(known), of_event), values))


@cache
def _asked(named: int, known: bool, of_event: bool) -> Select[Any]:
    """Return the SELECT of what `_near` returns, for so many names of senders."""
    service_id, environment_id = (bindparam(name, type_=Uuid()) for name in Cell._fields)
    start, earliest, end = (
        bindparam(name, type_=UtcDateTime()) for name in ("start", "earliest", "end")
    )
    in_span = []
    for home in HOMES:
        there = home.table.c
        later = evidence.alias()
        # Not by the end: the statements of a witness span the time between them.
        lasted = select(later.c.id).where(later.c.deployment_id == home, later.c.ended_at >= start)
        ended_at = there.ended_at if home.table is evidence else there.finished_at
        in_span.append(
            select(home).where(
                there.service_id == service_id,
                there.environment_id == environment_id,
                there.started_at.between(earliest, end),
                or_(there.started_at >= start, ended_at >= start, lasted.exists()),
            )
        )
    if not of_event:  # reports alone are never joined
        event = evidence.alias()
        events_near = select(event.c.id).where(
            event.c.service_id == service_id,
            event.c.environment_id == environment_id,
            event.c.started_at >= earliest,
            event.c.event_id.is_not(None),
        )
        in_span = [part.where(events_near.exists()) for part in in_span]
    by_name = [
        home
        for number in range(named)
        for home in homes_of(bindparam(f"source_{number}"), bindparam(f"external_id_{number}"))
    ]
    by_id = deployments.c.id.in_(bindparam("known", expanding=True))
    # Not beside the union with OR, which would make PostgreSQL read the whole table.
    homes = union(
        _alike(union(*in_span)),
        *by_name,
        *([select(deployments.c.id).where(by_id)] if known else []),
    )
    return EVERYTHING.where(deployments.c.id.in_(homes))


def _alike(homes: CompoundSelect[Any]) -> Select[Any]:
    """Return the SELECT of those deployments that may be named as others are."""
    stated = (
        [deployments.c[name] for name in NAMES],
        [evidence.c.said[name].as_string() for name in NAMES],
    )
    named = [
        or_(
            version.in_(bindparam("versions", expanding=True)),
            image_digest.in_(bindparam("digests", expanding=True)),
            version.regexp_match(bindparam("commits", type_=String)),
            commit.regexp_match(bindparam("commits", type_=String)),
        )
        for version, image_digest, commit in stated
    ]
    return (
        select(deployments.c.id)
        .select_from(deployments.outerjoin(evidence, evidence.c.deployment_id == deployments.c.id))
        .where(deployments.c.id.in_(homes), or_(*named))
    )
