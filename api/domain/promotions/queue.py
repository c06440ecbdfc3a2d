"""The promotion queue: what waits between each environment and the next."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from itertools import groupby, islice, pairwise
from typing import Any, NamedTuple

from sqlalchemy import Connection

from api.domain.promotions.blockers import Candidate
from api.domain.promotions.brought import Replacement, brought
from api.domain.promotions.pending import items, waiting

Cells = dict[str, dict[str, dict[str, Any]]]


class Step(NamedTuple):
    """A promotion from one environment to another: how many wait for it, and the first of them."""

    upstream: str
    downstream: str
    waiting: int
    items: list[dict[str, Any]]


def queue(
    connection: Connection,
    environments: Sequence[Mapping[str, Any]],
    cells: Iterable[dict[str, Any]],
    limit: int,
) -> list[Step]:
    """Return the steps for which something waits, with up to `limit` items, oldest first.

    `environments` are sorted by their promotion order, and `cells` are those of the matrix now.
    """
    running: Cells = {row["name"]: {} for row in environments}
    for cell in cells:
        if cell["deployment_id"] is not None:
            running[cell["environment"]][cell["service"]] = cell
    identifiers = {row["name"]: row["id"] for row in environments}
    found: list[tuple[Step, list[Candidate]]] = []
    for upstream, downstream in steps(environments):
        here, there = running[upstream], running[downstream]
        candidates = list(waiting(here, there, downstream, identifiers[downstream]))
        first = sorted(candidates, key=lambda candidate: candidate.upstream["since"])[:limit]
        if first:
            found.append((Step(upstream, downstream, len(candidates), []), first))
    # What is known about them is asked once, for all steps.
    told = iter(items(connection, [candidate for _, first in found for candidate in first]))
    return [step._replace(items=[*islice(told, len(first))]) for step, first in found]


def queue_of_service(
    connection: Connection,
    environments: Sequence[Mapping[str, Any]],
    running: Sequence[dict[str, Any]],
) -> list[Step]:
    """Return the steps for which a service waits, with the changes that each brings.

    `running` are its cells, of all environments.
    """
    found = queue(connection, environments, running, 1)
    if not found:
        return []
    service_id = running[0]["service_id"]
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
