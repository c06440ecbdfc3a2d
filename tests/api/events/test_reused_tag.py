"""A tag that is used again and again, such as `latest`: each event costs the same, in any order."""

from __future__ import annotations

import random
import sys
from typing import Any

import pytest
from flask.testing import FlaskClient
from hypothesis import given, settings
from hypothesis import strategies as st
from sqlalchemy import select

from api.database import Database
from api.domain.deployments import reports
from api.domain.events import retraction
from api.engine import let_write
from api.tables import events
from tests.api.events.test_evidence import Fact, fact, ledger_of, tell, told

FEW, MANY = 40, 120
MINUTES = 3


def rollout(number: int) -> list[Fact]:
    """Return what two senders state of a rollout: it runs, and then it has succeeded."""
    minute = MINUTES * number
    github, argocd = f"7/{number}", f"app/{number}"
    return [
        fact("github", github, minute, number=1, version="latest", status="running"),
        fact("argocd", argocd, minute + 1, number=1, version="latest", status="running"),
        fact("argocd", argocd, minute + 1.5, number=2, version="latest"),
        fact("github", github, minute + 2, number=2, version="latest"),
    ]


@pytest.fixture
def database(sqlite_client: FlaskClient) -> Database:
    found: Database = sqlite_client.application.extensions["database"]
    return found


def test_the_next_rollout_costs_the_same_after_forty_and_after_three_times_as_many(
    database: Database,
) -> None:
    costs: dict[int, int] = {}
    with database.engine.connect() as connection:
        let_write(connection)
        for number in range(MANY + 1):
            if number in (FEW, MANY):
                costs[number] = calls(lambda at=number: tell(connection, rollout(at)))
            else:
                tell(connection, rollout(number))
        assert len(told(connection)) == MANY + 1
        connection.rollback()

    assert costs[MANY] < 1.2 * costs[FEW]


def calls(run: Any) -> int:
    """Return how many functions are called, those of C included: a row that is read is one."""
    count = 0

    def note(_frame: Any, event: str, _argument: Any) -> None:
        nonlocal count
        count += event in ("call", "c_call")

    sys.setprofile(note)
    try:
        run()
    finally:
        sys.setprofile(None)
    return count


# Who starts at one instant is ordered by id, that is, by what came first.
WITNESS = st.tuples(
    st.sampled_from(["github", "argocd", "cloudevents", "ci"]),
    st.integers(0, 40),
    st.integers(0, 6),
    st.sampled_from(["latest", "latest", "1.0"]),
)
WITNESSES = st.lists(WITNESS, min_size=2, max_size=7, unique_by=lambda each: each[1])
Witnesses = list[tuple[str, int, int, str]]


def stated(witnesses: Witnesses) -> list[Fact]:
    """Return what each witness states: it runs, and some minutes later it has succeeded."""
    return [
        each
        for number, (source, minute, took, version) in enumerate(witnesses)
        for each in (
            fact(source, f"{number}", minute, number=1, version=version, status="running"),
            fact(source, f"{number}", minute + took, number=2, version=version),
        )
    ]


@settings(max_examples=15)
@given(witnesses=WITNESSES, seed=st.integers(0, 1000))
def test_the_order_leaves_no_trace_among_rollouts_of_one_tag(
    database: Database, witnesses: Witnesses, seed: int
) -> None:
    facts = stated(witnesses)
    expected = ledger_of(database, facts)
    random.Random(seed).shuffle(facts)  # noqa: S311

    assert ledger_of(database, facts) == expected


@settings(max_examples=15)
@given(witnesses=WITNESSES, data=st.data())
def test_what_is_taken_back_leaves_no_trace(
    database: Database, witnesses: Witnesses, data: st.DataObject
) -> None:
    facts = stated(witnesses)
    of_events = [number for number, each in enumerate(facts) if each[2]]
    gone = data.draw(st.sets(st.sampled_from(of_events)) if of_events else st.just(set()))
    expected = ledger_of(
        database, [each for number, each in enumerate(facts) if number not in gone]
    )

    with database.engine.connect() as connection:
        let_write(connection)
        tell(connection, facts)
        ids = connection.execute(select(events.c.id).order_by(events.c.id)).scalars().all()
        retraction.retract(connection, [ids[of_events.index(number)] for number in gone])
        found = told(connection)
        connection.rollback()

    assert found == expected


REPORT = st.tuples(
    st.sampled_from(["1", "2", "3"]),
    st.integers(0, 60),
    st.sampled_from(["running", "succeeded", "failed"]),
    st.sampled_from([None, "ada", "grace"]),
)


@settings(max_examples=15)
@given(stated=st.lists(REPORT, min_size=2, max_size=8), event=st.booleans())
def test_reports_in_one_go_are_what_they_are_one_by_one(
    database: Database, stated: list[tuple[str, int, str, str | None]], event: bool
) -> None:
    facts = [
        fact("ci", key, minute, version=f"{key}.0", status=status, actor=actor)
        for key, minute, status, actor in stated
    ]
    before = [fact("github", "7/1", 20, number=1, version="1.0")] if event else []
    expected = ledger_of(database, [*before, *facts])

    with database.engine.connect() as connection:
        let_write(connection)
        tell(connection, before)
        reports.record_all(connection, [report for report, *_ in facts])
        found = told(connection)
        connection.rollback()

    assert sorted(found, key=str) == sorted(expected, key=str)
