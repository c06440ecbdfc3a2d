"""Account for each delivery of a flood: what its sender was told, and whether it is true. Pure."""

from __future__ import annotations

from collections import Counter
from dataclasses import dataclass, field
from typing import Any

from bench.deliveries import Delivery, Flood

ACKNOWLEDGED = {200, 202, 204}
NEW = {202, 204}


@dataclass
class Account:
    """What the sender of a delivery was told: status codes, and None for no answer."""

    delivery: Delivery
    answers: list[int | None] = field(default_factory=list)

    @property
    def acknowledged(self) -> bool:
        """Say whether it was told that the event is stored."""
        return not ACKNOWLEDGED.isdisjoint(self.answers)

    @property
    def refused(self) -> bool:
        """Say whether every answer says that nothing was stored."""
        return all(answer is not None and 400 <= answer < 500 for answer in self.answers)  # noqa: PLR2004


def judge(
    sent: Flood,
    accounts: list[Account],
    stored: Counter[str],
    deployments: list[dict[str, Any]],
) -> list[str]:
    """Return what is lost, double, stored though refused, or not what the events tell of."""
    acknowledged = {each.delivery.id for each in accounts if each.acknowledged}
    refused = {each.delivery.id for each in accounts if each.refused} - acknowledged
    news = Counter(
        each.delivery.id for each in accounts for answer in each.answers if answer in NEW
    )
    faults = [f"{each} was acknowledged and is lost" for each in acknowledged - stored.keys()]
    faults += [f"{each} was refused and is stored" for each in refused & stored.keys()]
    faults += [f"{each} is stored {number} times" for each, number in stored.items() if number > 1]
    faults += [f"{each} was new {number} times" for each, number in news.items() if number > 1]
    faults += [f"{each} is stored and was never sent" for each in stored.keys() - _ids(sent)]
    found = {each["external_id"]: each for each in deployments}
    if len(found) != len(deployments):
        faults.append(f"deployments that are there twice: {len(deployments) - len(found)}")
    faults += [f"the deployment {each} was made up" for each in found.keys() - sent.deployments]
    for external_id, told in sent.deployments.items():
        known = found.get(external_id)
        if known is None:
            faults.append(f"the deployment {external_id} is missing")
            continue
        wrong = [name for name, value in told.items() if (known[name] or "") != value]
        faults += [f"the deployment {external_id} has another {name}" for name in wrong]
    return faults


def untold(accounts: list[Account], stored: Counter[str]) -> int:
    """Count what was stored by a request that got no answer, or 503: its sender could not know."""
    told = {each.delivery.id for each in accounts if not NEW.isdisjoint(each.answers)}
    return len(stored.keys() - told)


def _ids(sent: Flood) -> set[str]:
    return {each.id for each in sent.deliveries if not each.forged}
