"""What kind a deployment is: decided from what was deployed in the same place before it.

The definitions:

- `resync`: the version, the image and the configuration that already ran, once more.
- `rollback`: a version that ran before, though another one runs or was deployed just before; or the
  same version with a configuration it had before. The second try of a failed rollback is one, too.
- `hotfix`: neither, and begun while an incident was open there.
- `rollout`: anything else, a second try of a failed rollout included.

They depend on the order of starts alone, never on the order in which reports arrived, so a late
report decides anew what it can matter to. What the sender states is kept.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable, Iterator, Sequence
from datetime import datetime
from itertools import chain
from uuid import UUID

from api.domain.cells import Cell
from api.domain.deployments.model import Kind, Status
from api.domain.deployments.surroundings import ATTEMPTED, Attempt, Place, Surroundings
from api.domain.kit import versions

Outage = tuple[datetime, datetime | None]


def decide(history: Iterable[Attempt], outages: Sequence[Outage]) -> Iterator[Kind]:
    """Yield the kind of each deployment of one cell; the history is in the order of starts."""
    return _decide((attempt, _is_in(outages, attempt.started_at)) for attempt in history)


def decide_each(around: Sequence[tuple[Place, Surroundings]]) -> dict[UUID, Kind]:
    """Return the kind of each of some deployments, given what is around each of them, by its id.

    Of each cell they are all that are not written yet, or have changed since they were.
    """
    by_cell: dict[Cell, list[tuple[Attempt, Surroundings]]] = defaultdict(list)
    for place, surrounding in around:
        by_cell[place.cell].append((place.attempt, surrounding))
    found: dict[UUID, Kind] = {}
    for here in by_cell.values():
        in_outage = {attempt.id: surrounding.in_outage for attempt, surrounding in here}
        known = {past.id: past for _, surrounding in here for past in surrounding.past}
        history = sorted(
            (known | {attempt.id: attempt for attempt, _ in here}).values(), key=_order
        )
        kinds = _decide((attempt, in_outage.get(attempt.id, False)) for attempt in history)
        found |= {
            attempt.id: kind
            for attempt, kind in zip(history, kinds, strict=True)
            if attempt.id in in_outage
        }
    return found


def _decide(history: Iterable[tuple[Attempt, bool]]) -> Iterator[Kind]:
    """Yield the kind of each deployment; the history says of each whether an incident was open."""
    succeeded: dict[str, dict[tuple[str | None, ...], Attempt]] = defaultdict(dict)
    previous: Attempt | None = None
    live: Attempt | None = None
    for attempt, in_outage in history:
        names = versions.names(attempt)
        before = chain.from_iterable(succeeded[name].values() for name in names)
        yield _kind(attempt, previous, live, before, in_outage=in_outage)
        if attempt.status in ATTEMPTED:
            previous = attempt
        if attempt.status == Status.SUCCEEDED:
            live = attempt
            for name in names:
                succeeded[name][attempt.release] = attempt


def _kind(
    attempt: Attempt,
    previous: Attempt | None,
    live: Attempt | None,
    before: Iterable[Attempt],
    *,
    in_outage: bool,
) -> Kind:
    if previous and live and previous.same(attempt) and live.same(attempt):
        return Kind.RESYNC
    if any(known and not known.same_application(attempt) for known in (previous, live)):
        if any(known.same_application(attempt) for known in before):
            return Kind.ROLLBACK
    elif attempt.config_revision and any(
        known.same(attempt) and known.config_revision for known in before
    ):
        return Kind.ROLLBACK
    return Kind.HOTFIX if in_outage else Kind.ROLLOUT


def _is_in(outages: Sequence[Outage], start: datetime) -> bool:
    return any(since <= start and (until is None or start < until) for since, until in outages)


def _order(attempt: Attempt) -> tuple[datetime, UUID]:
    return attempt.started_at, attempt.id
