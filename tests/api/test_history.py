"""What became of each version of a service in each environment. Pure."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from typing import Any
from uuid import UUID

import pytest

from api.domain.deployments.history import Fate, Stay, history
from api.domain.promotions.queue import steps

BEGIN = datetime(2026, 3, 2, tzinfo=UTC)


def at(hour: float) -> datetime:
    return BEGIN + timedelta(hours=hour)


def deployment(
    hour: int, version: str, environment: str, status: str = "succeeded", kind: str = "rollout"
) -> dict[str, Any]:
    """Return a deployment that took half an hour; its number is its hour."""
    return {
        "id": UUID(int=hour),
        "version": version,
        "environment": environment,
        "status": status,
        "kind": kind,
        "started_at": at(hour),
        "finished_at": None if status in ("pending", "running") else at(hour + 0.5),
    }


def fates(*rows: dict[str, Any]) -> dict[str, dict[str, str]]:
    """Return what became of each version, newest first; the order of the rows does not matter."""
    found = history(rows, ["dev", "prod"], {"dev", "prod"})
    assert found == history(rows[::-1], ["dev", "prod"], {"dev", "prod"})
    return {row.version: {name: stay.fate for name, stay in row.stays.items()} for row in found}


@pytest.mark.parametrize(
    ("rows", "expected"),
    [
        pytest.param([], {}, id="nothing"),
        pytest.param(
            [deployment(1, "1.0", "dev"), deployment(2, "1.1", "dev")],
            {"1.1": {"dev": Fate.LIVE}, "1.0": {"dev": Fate.WAS_HERE}},
            id="replaced",
        ),
        pytest.param(
            [
                deployment(1, "1.0", "dev"),
                deployment(2, "1.1", "dev"),
                deployment(3, "v1.0", "dev", kind="rollback"),
            ],
            {"1.1": {"dev": Fate.ROLLED_BACK}, "v1.0": {"dev": Fate.LIVE}},
            id="rolled back",
        ),
        pytest.param(
            [deployment(1, "1.0", "dev"), deployment(2, "1.1", "dev", "failed")],
            {"1.1": {"dev": Fate.FAILED}, "1.0": {"dev": Fate.LIVE}},
            id="failed, while what runs runs on",
        ),
        pytest.param(
            [deployment(1, "1.0", "dev", "failed"), deployment(2, "1.0", "dev")],
            {"1.0": {"dev": Fate.LIVE}},
            id="a second attempt",
        ),
        pytest.param(
            [deployment(1, "1.0", "dev", "cancelled"), deployment(2, "1.1", "dev", "running")],
            {"1.1": {"dev": Fate.UNDER_WAY}, "1.0": {"dev": Fate.CANCELLED}},
            id="cancelled and under way",
        ),
        pytest.param(
            [
                deployment(1, "1.0", "dev"),
                deployment(2, "1.1", "dev"),
                deployment(3, "1.1", "prod"),
                deployment(4, "1.2", "dev"),
            ],
            {
                "1.2": {"dev": Fate.LIVE},
                "1.1": {"dev": Fate.WAS_HERE, "prod": Fate.LIVE},
                "1.0": {"dev": Fate.WAS_HERE, "prod": Fate.SKIPPED},
            },
            id="skipped, and not come yet",
        ),
    ],
)
def test_what_became_of_each_version(
    rows: list[dict[str, Any]], expected: dict[str, dict[str, str]]
) -> None:
    assert fates(*rows) == expected
    assert list(fates(*rows)) == list(expected)


def test_a_stay_is_the_last_one_and_resyncs_do_not_end_it() -> None:
    rows = [
        deployment(1, "1.0", "dev"),
        deployment(2, "1.1", "dev"),
        deployment(3, "1.1", "dev", kind="resync"),
        deployment(4, "1.0", "dev", kind="rollback"),
        deployment(5, "1.2", "dev"),
    ]

    found = {row.version: row.stays["dev"] for row in history(rows, ["dev"], {"dev"})}

    assert found["1.1"] == Stay(Fate.ROLLED_BACK, at(2.5), at(4.5), UUID(int=2))
    assert found["1.0"] == Stay(Fate.WAS_HERE, at(4.5), at(5.5), UUID(int=4))
    assert found["1.2"] == Stay(Fate.LIVE, at(5.5), None, UUID(int=5))


def test_what_was_removed_is_not_live() -> None:
    rows = [deployment(1, "1.0", "dev"), deployment(2, "1.1", "dev")]

    newest, oldest = history(rows, ["dev"], set())

    assert newest.stays["dev"] == Stay(Fate.REMOVED, at(2.5), None, UUID(int=2))
    assert oldest.stays["dev"].fate == Fate.WAS_HERE


def test_a_promotion_goes_to_each_environment_of_the_next_order() -> None:
    orders = {"dev": 100, "pr-17": 100, "staging": 200, "prod-eu": 300, "prod-us": 300}
    places = [
        {"name": name, "promotion_order": order, "stage": name != "pr-17"}
        for name, order in orders.items()
    ]

    assert list(steps(places)) == [
        ("dev", "staging"),
        ("staging", "prod-eu"),
        ("staging", "prod-us"),
    ]
