"""What must hold for the DORA metrics of any history."""

from __future__ import annotations

import dataclasses
import random
from collections import Counter
from collections.abc import Sequence
from datetime import datetime, timedelta
from itertools import pairwise
from typing import Any
from uuid import UUID

import pytest
from flask.testing import FlaskClient
from hypothesis import given
from hypothesis import strategies as st

from api.database import Database
from api.domain.changes.versions import KnownVersion
from api.domain.deployments.model import Kind, Status
from api.domain.dora.rules import failures, timelines
from api.domain.dora.rules.assessments import Failure, failures_in
from api.domain.dora.rules.first_deliveries import Success, deliveries_of
from api.domain.dora.rules.periods import Interval, Window, split
from api.domain.dora.rules.records import Deployment, History, Incident, Place
from api.domain.kit.times import parse_instant
from tests.api.conftest import json_of
from tests.api.ledger import Ledger
from tests.api.records import BEGIN, WINDOW, deployment, hour, incident

URL = "/api/v1/metrics/dora"
VERSIONS = ["1.0.0", "1.1.0", "1.1.1", "1.2.0-rc.1", "1.2.0", "2.0.0"]
hours = st.integers(0, 239)


@st.composite
def histories(draw: st.DrawFn) -> History:
    """Draw a history of ten days, in two services and two environments."""
    cells = [Place(service, place) for service in ("a", "b") for place in ("prod", "live")]
    deployments = [
        dataclasses.replace(
            deployment(
                number,
                draw(st.sampled_from(VERSIONS)),
                draw(hours),
                kind=draw(st.sampled_from(Kind)),
                status=draw(st.sampled_from(Status)),
            ),
            place=draw(st.sampled_from(cells)),
        )
        for number in range(draw(st.integers(0, 12)))
    ]
    incidents = []
    for number in range(draw(st.integers(0, 5))):
        detected = draw(hours)
        stated = draw(st.sampled_from([None, None, *deployments]))
        resolved = draw(st.one_of(st.none(), st.integers(detected, 300)))
        found = incident(number, detected, resolved, stated.id if stated else None)
        incidents.append(dataclasses.replace(found, place=draw(st.sampled_from(cells))))
    return History(deployments, incidents)


def failed(history: History) -> dict[UUID, Failure]:
    return {failure.deployment.id: failure for failure in failures_in(history, WINDOW)}


@given(histories(), st.randoms(use_true_random=False))
def test_the_order_of_rows_does_not_matter(history: History, chance: random.Random) -> None:
    shuffled = History(
        chance.sample(history.deployments, len(history.deployments)),
        chance.sample(history.incidents, len(history.incidents)),
    )

    assert failed(shuffled) == failed(history)


@given(st.permutations(range(8)), st.data())
def test_every_change_is_delivered_once(order: list[int], data: st.DataObject) -> None:
    """Also if what succeeded is told in another order than that of the times."""
    versions = [data.draw(st.sampled_from(VERSIONS)) for _ in order]
    successes = [Success(UUID(int=each), versions[each], hour(each)) for each in order]
    known = {version: KnownVersion(1, hour(0)) for version in VERSIONS[1:]}
    found = list(deliveries_of(successes, set(), known))

    assert [success.id.int for success, _ in found] == sorted(order)
    brought = [version for _, delivery in found for version in delivery.versions]
    assert len(brought) == len(set(brought))


def test_the_days_add_up_to_the_whole(client: FlaskClient, database: Database) -> None:
    with database.write() as connection:
        write_history(Ledger(connection), random.Random(0))  # noqa: S311
    window = f"from={hour(0):%FT%TZ}&to={hour(240):%FT%TZ}"
    told = [
        json_of(client.get(f"{URL}?{window}&interval={each}"))["overall"]["periods"]
        for each in ("day", "week", "month", "all")
    ]

    whole = counts(told.pop())
    assert whole.total() > 100
    assert [counts(periods) for periods in told] == [whole] * 3


def counts(periods: Sequence[dict[str, Any]]) -> Counter[str]:
    """Return each number of the periods that can be added, by its path."""
    total: Counter[str] = Counter()
    for period in periods:
        for name, metric in period.items():
            if not isinstance(metric, dict):
                continue
            for field in ("numerator", "count", "rollbacks", "hotfixes"):
                total[f"{name}.{field}"] += metric.get(field, 0)
            for excluded in metric["excluded"]:
                total[f"{name}.{excluded['reason']}"] += excluded["count"]
    return +total


@pytest.mark.parametrize("seed", range(6))
def test_a_day_has_the_same_numbers_alone_and_in_a_series(
    client: FlaskClient, database: Database, seed: int
) -> None:
    """What is read around a window is enough, and what is left out has no part in it."""
    with database.write() as connection:
        write_history(Ledger(connection), random.Random(seed))  # noqa: S311
    days = f"from={hour(0):%FT%TZ}&to={hour(240):%FT%TZ}&interval=day"
    series = json_of(client.get(f"{URL}?{days}"))["overall"]["periods"]

    for day in series:
        alone = json_of(client.get(f"{URL}?from={day['from']}&to={day['to']}"))
        assert [as_of_the_day(each) for each in alone["overall"]["periods"]] == [as_of_the_day(day)]


def test_a_recovery_long_after_the_window_is_found(client: FlaskClient, database: Database) -> None:
    """The incident is detected after the next success, so that one did not end the failure."""
    with database.write() as connection:
        ledger = Ledger(connection)
        told = [
            {"service": "a", "environment": "prod", "version": version, "finished_at": hour(end)}
            for version, end in (("1", 1), ("2", 30), ("3", 200), ("4", 210))
        ]
        first, *_ = ledger.deploy(*told)
        ledger.incident("a", "prod", hour(150), None, first)
    window = f"from={hour(0):%FT%TZ}&to={hour(24):%FT%TZ}"

    (failed,) = json_of(client.get(f"{URL}?{window}"))["unrecovered"]["items"]

    assert failed["recovered_at"] == f"{hour(200):%FT%TZ}"


@pytest.mark.parametrize("seed", range(4))
def test_the_lists_and_the_metrics_put_an_incident_down_to_the_same_deployment(
    client: FlaskClient, database: Database, seed: int
) -> None:
    """The rule is written twice: in SQL for a list of any length, in Python for a history."""
    with database.write() as connection:
        write_history(Ledger(connection), random.Random(seed))  # noqa: S311
    listed = json_of(client.get("/api/v1/incidents?limit=200"))["items"]
    deployments = [
        deployment_record(each)
        for each in json_of(client.get("/api/v1/deployments?limit=200"))["items"]
    ]
    incidents = [incident_record(each) for each in listed]

    links, unattributed = failures.attribute(incidents, timelines.by_place(deployments))

    causes = {link.incident.id: cause for cause, found in links.items() for link in found}
    assert causes | {each.id: None for each in unattributed} == {
        UUID(each["id"]): each["deployment_id"] and UUID(each["deployment_id"]) for each in listed
    }
    assert causes
    assert unattributed


def deployment_record(item: dict[str, Any]) -> Deployment:
    return Deployment(
        id=UUID(item["id"]),
        place=Place(item["service"], item["environment"]),
        version=item["version"],
        image_digest=item["image_digest"],
        commit=item["commit"],
        config_revision=item["config_revision"],
        kind=Kind(item["kind"]),
        status=Status(item["status"]),
        started_at=parse_instant(item["started_at"]),
        finished_at=parse_instant(item["finished_at"]),
    )


def incident_record(item: dict[str, Any]) -> Incident:
    stated = item["deployment_id"] if item["link"] == "stated" else None
    return Incident(
        id=UUID(item["id"]),
        place=Place(item["service"], item["environment"]),
        detected_at=parse_instant(item["detected_at"]),
        resolved_at=item["resolved_at"] and parse_instant(item["resolved_at"]),
        deployment_id=stated and UUID(stated),
    )


def write_history(ledger: Ledger, chance: random.Random) -> None:
    """Write sixty deployments, twelve incidents and their changes, over two weeks."""
    told = []
    for _ in range(60):
        finished = hour(chance.randrange(-48, 300))
        told.append(
            {
                "service": chance.choice("ab"),
                "environment": chance.choice(["prod", "live"]),
                "version": chance.choice(VERSIONS),
                "config_revision": chance.choice([None, "x", "y"]),
                "status": chance.choices(["succeeded", "failed", "cancelled"], [5, 3, 1])[0],
                "started_at": finished - timedelta(hours=chance.choice([0, 1, 20])),
                "finished_at": finished,
            }
        )
    ids = ledger.deploy(*told)
    for _ in range(16):
        detected = hour(chance.randrange(-48, 330))
        ended = chance.choice([None, detected + timedelta(hours=chance.randrange(100))])
        cause = chance.choice([None, None, chance.choice(ids)])
        ledger.incident(
            chance.choice("ab"), chance.choice(["prod", "live"]), detected, ended, cause
        )
    for service in "ab":
        ledger.commit(
            service,
            [(chance.choice(VERSIONS), hour(chance.randrange(-99, 200))) for _ in range(15)],
        )


def as_of_the_day(period: dict[str, Any]) -> dict[str, Any]:
    """Return a period without what depends on how far the window reaches."""
    recovery = period["failed_deployment_recovery_time"]
    later = ("unrecovered", "recovered_after_window")
    recovery["excluded"] = [each for each in recovery["excluded"] if each["reason"] not in later]
    return period


@given(
    st.integers(0, 10**15).map(lambda number: BEGIN + timedelta(microseconds=number)),
    st.timedeltas(timedelta(microseconds=1), timedelta(days=400)),
    st.sampled_from(Interval),
)
def test_periods_are_a_partition_of_the_window(
    since: datetime, length: timedelta, interval: Interval
) -> None:
    periods = list(split(Window(since, since + length), interval))

    assert (periods[0].since, periods[-1].until) == (since, since + length)
    assert all(one.until == other.since for one, other in pairwise(periods))
    assert all(period.since < period.until for period in periods)
    assert sum(period.days for period in periods) == pytest.approx(length / timedelta(days=1))
