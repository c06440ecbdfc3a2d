"""The promotion queue: what waits between each environment and the next."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from heapq import nsmallest
from itertools import chain, groupby, islice, pairwise
from operator import attrgetter
from typing import Any, NamedTuple

from sqlalchemy import Connection

from api.domain.promotions.brought import Replacement, brought
from api.domain.promotions.pending import candidates, items, waiting
from api.domain.releases import Release

# Of many steps, those nearest to production are looked at, and of fewer it is told what waits.
LOOKED_AT = 300
TOLD = 12


class Step(NamedTuple):
    """A promotion from one environment to another: how many wait for it, and the first of them."""

    upstream: str
    downstream: str
    waiting: int
    items: list[dict[str, Any]]


class Queue(NamedTuple):
    """The steps for which something waits, and how many steps are not looked at."""

    steps: list[Step]
    left_out: int


def queue(
    connection: Connection,
    environments: Sequence[Mapping[str, Any]],
    releases: Iterable[Release],
    limit: int,
    environment: str | None = None,
) -> Queue:
    """Return what waits for each step, or for those from or to one environment.

    Those nearest to production come last; the last `TOLD` have up to `limit` items, oldest first.
    `environments` are sorted by their promotion order, and `releases` are what runs in all of them:
    one that is elsewhere is in an environment that was created or deleted meanwhile.
    """
    running: dict[str, dict[str, Release]] = {row["name"]: {} for row in environments}
    for release in releases:
        if release.environment in running:
            running[release.environment][release.service] = release
    identifiers = {row["name"]: row["id"] for row in environments}
    pairs = [pair for pair in steps(environments) if environment in (None, *pair)]
    found: list[tuple[Step, list[Release]]] = []
    for upstream, downstream in pairs[-LOOKED_AT:]:
        if waits := list(waiting(running[upstream], running[downstream])):
            found.append((Step(upstream, downstream, len(waits), []), waits))

    quiet, told = found[:-TOLD], found[-TOLD:]
    oldest = [
        candidates(
            nsmallest(limit, waits, key=attrgetter("since")),
            running[step.downstream],
            step.downstream,
            identifiers[step.downstream],
        )
        for step, waits in told
    ]
    # What is known about them is asked once, for all steps.
    known = iter(items(connection, [*chain.from_iterable(oldest)]))
    with_items = [
        step._replace(items=[*islice(known, len(first))])
        for (step, _), first in zip(told, oldest, strict=True)
    ]
    return Queue([*(step for step, _ in quiet), *with_items], max(0, len(pairs) - LOOKED_AT))


def queue_of_service(
    connection: Connection,
    environments: Sequence[Mapping[str, Any]],
    running: Sequence[Release],
) -> list[Step]:
    """Return the steps for which a service waits, with the changes that each brings.

    `running` is what runs of it, in all environments.
    """
    found = queue(connection, environments, running, 1).steps
    if not found:
        return []
    service_id = running[0].service_id
    replacements = [
        Replacement(
            service_id, entry["replaces"] and entry["replaces"]["version"], entry["version"]
        )
        for step in found
        for entry in step.items
    ]
    changes = iter(brought(connection, replacements))
    return [
        step._replace(items=[{**entry, **next(changes)} for entry in step.items]) for step in found
    ]


def steps(environments: Sequence[Mapping[str, Any]]) -> Iterator[tuple[str, str]]:
    """Yield each stage with each of those that have the next higher promotion order."""
    found = [row for row in environments if row["stage"]]
    stages = [
        [row["name"] for row in stage]
        for _, stage in groupby(found, key=lambda row: row["promotion_order"])
    ]
    for upper, lower in pairwise(stages):
        for name in upper:
            for following in lower:
                yield name, following
