"""Deliveries: which changes each deployment was the first to bring."""

from __future__ import annotations

from bisect import bisect_left, bisect_right
from collections import defaultdict
from collections.abc import Iterable, Iterator, Mapping, Set
from dataclasses import dataclass
from uuid import UUID

from api.domain.changes.versions import KnownVersion, Precedence, ordering
from api.domain.dora.rules.periods import Window
from api.domain.dora.rules.records import Deployment, History


@dataclass(frozen=True, slots=True)
class FirstDelivery:
    """What a successful deployment brought that none before it had.

    `versions` are those whose changes it brought; `earlier_changes` how many were there before,
    nobody knows since when; `new_version` says that its version had not succeeded before, and
    `changes_known` that the ledger knows changes of exactly that version.
    """

    versions: tuple[str, ...]
    earlier_changes: int
    new_version: bool
    changes_known: bool


def first_deliveries(history: History, window: Window) -> dict[UUID, FirstDelivery]:
    """Return what each successful deployment of the window brought, by its id.

    A version contains every change whose version comes before it or is it, so what is delivered is
    a high-water mark over the successes of a service, whatever the environment: a rollback brings
    nothing, and neither does a hotfix 1.2.1 after 1.3.0.
    """
    services: dict[str, list[Deployment]] = defaultdict(list)
    for deployment in history.deployments:
        if deployment.delivered and deployment.moment in window:
            services[deployment.place.service].append(deployment)
    return {
        identifier: delivery
        for service, successes in services.items()
        for identifier, delivery in _of_service(
            successes,
            history.versions_before.get(service, set()),
            history.known_versions.get(service, {}),
        )
    }


def _of_service(
    successes: Iterable[Deployment], before: Set[str], known: Mapping[str, KnownVersion]
) -> Iterator[tuple[UUID, FirstDelivery]]:
    place = ordering({version: each.latest for version, each in known.items()})
    placed = sorted((place(version) or (), version) for version in known)
    places = [each for each, _ in placed]
    succeeded = set(before)
    mark: Precedence | None = max(filter(None, map(place, before)), default=None)
    for deployment in sorted(successes, key=lambda each: (each.moment, each.id)):
        version, here = deployment.version, place(deployment.version)
        exact = bisect_left(places, here) if here else 0
        end = bisect_right(places, here) if here else 0
        # Of the first deployment known only its own version is new: the others may be old.
        start = min(end, bisect_right(places, mark)) if mark else exact
        yield (
            deployment.id,
            FirstDelivery(
                versions=tuple(each for _, each in placed[start:end]),
                earlier_changes=0
                if mark
                else sum(known[each].changes for _, each in placed[:exact]),
                new_version=version not in succeeded,
                changes_known=exact < end,
            ),
        )
        succeeded.add(version)
        mark = max(filter(None, (mark, here)), default=None)
