"""Compare the answers to the deliveries of a flood with what the ledger stored. Pure."""

from __future__ import annotations

from collections import Counter
from dataclasses import dataclass, field
from typing import Any

from bench.deliveries import Delivery, Flood

ACKNOWLEDGED = {200, 202, 204}
NEW = {202, 204}


@dataclass
class Account:
    """The answers to a delivery: status codes, and None for no answer."""

    delivery: Delivery
    answers: list[int | None] = field(default_factory=list)

    @property
    def acknowledged(self) -> bool:
        """Return whether an answer confirmed that the event is stored."""
        return not ACKNOWLEDGED.isdisjoint(self.answers)

    @property
    def refused(self) -> bool:
        """Return whether every answer said that nothing was stored."""
        return all(answer is not None and 400 <= answer < 500 for answer in self.answers)  # noqa: PLR2004


def judge(
    sent: Flood,
    accounts: list[Account],
    stored: Counter[str],
    deployments: list[dict[str, Any]],
) -> list[str]:
    """Return a line for each event or deployment that is lost, duplicated, unexpected or wrong."""
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
    """Count the events that were stored although no answer said so, only a 503 or none at all."""
    told = {each.delivery.id for each in accounts if not NEW.isdisjoint(each.answers)}
    return len(stored.keys() - told)


def _ids(sent: Flood) -> set[str]:
    return {each.id for each in sent.deliveries if not each.forged}
