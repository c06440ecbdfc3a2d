"""The flood: its own accounting finds what is wrong, and a small one leaves nothing wrong."""

from __future__ import annotations

import dataclasses
from collections import Counter
from typing import Any

import pytest

from bench.accounting import Account, judge
from bench.deliveries import Flood, flood
from bench.flood import SECRET, run
from tests.postgresql import Server

SENT = flood(20, SECRET)
STORED = Counter({each.id: 1 for each in SENT.deliveries if not each.forged})
DEPLOYMENTS: list[dict[str, Any]] = [
    {"external_id": external_id, **told} for external_id, told in SENT.deployments.items()
]
NAMED = DEPLOYMENTS[0]["external_id"]
FIRST = SENT.deliveries[0]


def accounts(sent: Flood = SENT) -> list[Account]:
    """Return what senders are told when all goes well."""
    seen: set[str] = set()
    told = []
    for each in sent.deliveries:
        answers: list[int | None] = [401 if each.forged else 200 if each.id in seen else 202]
        told.append(Account(each, answers))
        seen.add(each.id)
    return told


def test_a_flood_has_three_duplicates_in_ten_and_forged_ones_on_top() -> None:
    sent = flood(1000, SECRET)
    honest = [each.id for each in sent.deliveries if not each.forged]

    assert (len(honest), len(set(honest)), len(sent.deliveries)) == (1000, 700, 1010)
    assert flood(1000, SECRET) == sent


def test_when_all_goes_well_nothing_is_wrong() -> None:
    assert judge(SENT, accounts(), STORED, DEPLOYMENTS) == []


def test_what_was_never_answered_may_be_stored_or_not() -> None:
    unsure = [
        dataclasses.replace(each, answers=[503, None]) if each.delivery.id == FIRST.id else each
        for each in accounts()
    ]

    assert judge(SENT, unsure, STORED, DEPLOYMENTS) == []
    assert judge(SENT, unsure, STORED - Counter([FIRST.id]), DEPLOYMENTS) == []


@pytest.mark.parametrize(
    ("stored", "deployments", "fault"),
    [
        (STORED - Counter([FIRST.id]), DEPLOYMENTS, f"{FIRST.id} was acknowledged and is lost"),
        (STORED + Counter([FIRST.id]), DEPLOYMENTS, f"{FIRST.id} is stored 2 times"),
        (STORED + Counter(["x"]), DEPLOYMENTS, "x is stored and was never sent"),
        (STORED, DEPLOYMENTS[1:], f"the deployment {NAMED} is missing"),
        (STORED, [*DEPLOYMENTS, DEPLOYMENTS[0]], "deployments that are there twice: 1"),
        (
            STORED,
            [DEPLOYMENTS[0] | {"status": "cancelled"}, *DEPLOYMENTS[1:]],
            f"the deployment {NAMED} has another status",
        ),
        (STORED, [*DEPLOYMENTS, {"external_id": "7/x"}], "the deployment 7/x was made up"),
    ],
)
def test_what_a_ledger_has_wrong_is_found(
    stored: Counter[str], deployments: list[dict[str, Any]], fault: str
) -> None:
    assert judge(SENT, accounts(), stored, deployments) == [fault]


def test_what_is_new_twice_and_what_is_stored_though_refused_is_found() -> None:
    twice = [dataclasses.replace(each, answers=[202]) for each in accounts()]
    refused = [dataclasses.replace(each, answers=[401]) for each in accounts()]

    assert any("was new 2 times" in each for each in judge(SENT, twice, STORED, DEPLOYMENTS))
    assert f"{FIRST.id} was refused and is stored" in judge(SENT, refused, STORED, DEPLOYMENTS)


def test_nothing_acknowledged_is_lost_or_double_when_the_database_crashes(
    postgresql_server: Server, monkeypatch: pytest.MonkeyPatch
) -> None:
    """`make flood` sends eighty times as many, and the database is gone for longer."""
    monkeypatch.setattr("bench.flood.OUTAGE_S", 1)
    report = run(250, senders=8, programs=postgresql_server.programs)

    assert report.faults == []
    assert report.figures["acknowledged"] == 250
    assert report.figures["events stored"] == 175
    assert report.figures["answers 503, sent again"] > 0
