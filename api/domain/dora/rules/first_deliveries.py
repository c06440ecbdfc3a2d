"""First deliveries: the changes that each deployment was the first to deliver."""

from __future__ import annotations

from bisect import bisect_left, bisect_right
from collections.abc import Iterable, Iterator, Mapping, Set
from dataclasses import dataclass
from datetime import datetime
from typing import NamedTuple
from uuid import UUID

from api.domain.changes.versions import KnownVersion, Precedence, ordering
from api.domain.kit.versions import canonical


@dataclass(frozen=True, slots=True)
class FirstDelivery:
    """What a successful deployment was the first to deliver.

    `versions` are those whose changes it delivered first. `earlier_changes` is the number of
    changes in older versions that were delivered at an unknown time, before the first known
    deployment. `new_version` says that its version had not succeeded before, `changes_known` that
    the ledger has changes of exactly this version.
    """

    versions: tuple[str, ...]
    earlier_changes: int
    new_version: bool
    changes_known: bool

    @property
    def says_something(self) -> bool:
        """Whether any of it is other than that of a deployment that delivers nothing new.

        What its sender calls a rollback may still be the first one with older versions.
        """
        return bool(self.versions or self.earlier_changes or self.new_version or self.changes_known)


class Success(NamedTuple):
    """A deployment that delivered something: it succeeded and is not a resync."""

    id: UUID
    version: str
    moment: datetime
    # Whether it went back to what ran before, by whatever name.
    is_rollback: bool = False


def deliveries_of(
    successes: Iterable[Success], before: Set[str], known: Mapping[str, KnownVersion]
) -> Iterator[tuple[Success, FirstDelivery]]:
    """Yield what each success of a service was the first to deliver, in their order.

    `before` are the versions that had succeeded before them, and `known` those of known changes. A
    version contains the changes of all versions up to it. So what has been delivered is a
    high-water mark over the successes of a service in all environments: a rollback delivers
    nothing new, and neither does a hotfix 1.2.1 after 1.3.0.
    """
    precedence = ordering({version: changes.latest for version, changes in known.items()})
    ordered = sorted((precedence(version) or (), version) for version in known)
    order = [key for key, _ in ordered]
    succeeded = set(map(canonical, before))
    high_water: Precedence | None = max(filter(None, map(precedence, before)), default=None)
    for success in sorted(successes, key=lambda success: (success.moment, success.id)):
        version, key = success.version, precedence(success.version)
        exact = bisect_left(order, key) if key else 0
        end = bisect_right(order, key) if key else 0
        # Count only its own version for the first known deployment: an unknown one may have
        # delivered the older versions.
        start = min(end, bisect_right(order, high_water)) if high_water else exact
        yield (
            success,
            FirstDelivery(
                versions=tuple(older for _, older in ordered[start:end]),
                earlier_changes=0
                if high_water
                else sum(known[older].changes for _, older in ordered[:exact]),
                new_version=not success.is_rollback and canonical(version) not in succeeded,
                changes_known=exact < end,
            ),
        )
        succeeded.add(canonical(version))
        high_water = max(filter(None, (high_water, key)), default=None)
