"""The rows that are kept for the metrics are those that a computation of everything makes."""

from __future__ import annotations

import os
import random
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor, wait
from contextlib import contextmanager, suppress
from datetime import UTC, datetime, timedelta
from typing import Any
from uuid import UUID

import pytest
from flask import Flask
from flask.testing import FlaskClient
from sqlalchemy import Connection, Table, delete, select, text, update

from api.database import Database
from api.domain import catalog, deletions
from api.domain.catalog import EnvironmentDescription
from api.domain.changes.model import NewChange
from api.domain.changes.reports import record_all
from api.domain.deployments import transitions
from api.domain.deployments.model import DeploymentChange, NewDeployment, Status
from api.domain.deployments.reports import record
from api.domain.dora import report
from api.domain.dora.kept import refreshing
from api.domain.dora.query import Query
from api.domain.incidents import reports
from api.domain.incidents.model import IncidentChange, NewIncident
from api.domain.kit.errors import ConflictError, InvalidValueError
from api.domain.tiers import Tier
from api.engine import let_write
from api.tables import (
    changes,
    deployments,
    environments,
    failures,
    first_deliveries,
    incidents,
    lead_times,
    services,
)
from tests.api.conftest import Record, json_of
from tests.api.ledger import Ledger
from tests.api.test_dora_oracle import numbers, oracle_of

BEGIN = datetime(2026, 3, 2, tzinfo=UTC)
DAYS = 12
LATER = 50
VERSIONS = ["1.0.0", "v1.0.0", "1.1.0", "1.1.1-rc.1", "1.1.1", "1.2.0", "2.0.0", "blue", "7f3a91c"]
ENVIRONMENTS = ["prod", "live", "dev"]
# The same few each time; `make histories` tells 10,000, by the hundred to show how far it is.
HISTORIES = int(os.environ.get("HISTORIES", "25"))
FIRST = int(os.environ.get("FIRST", "0"))
HUNDRED = 100
KEPT = (failures, first_deliveries, lead_times)
Act = Callable[[Connection, random.Random], None]


def moment(chance: random.Random) -> datetime:
    """Return a time, often one at which other things happen, too, and seldom months away."""
    day = BEGIN + timedelta(days=chance.choice([*[0] * 8, -40, LATER]))
    return day + timedelta(hours=6 * chance.randrange(DAYS * 4), minutes=chance.choice([0, 0, 9]))


def any_of(connection: Connection, chance: random.Random, table: Table) -> Any:
    """Return the id of a row, or None if there is none."""
    found = connection.execute(select(table.c.id).order_by(table.c.id)).scalars().all()
    return chance.choice(found) if found else None


def deploy(connection: Connection, chance: random.Random) -> None:
    """Report a deployment, for the first time or again, in any order of time."""
    finished_at = moment(chance)
    took = chance.choice([timedelta(), timedelta(minutes=chance.randrange(1, 900))])
    status = chance.choices([*Status], [1, 1, 12, 5, 1])[0]
    end = {"finished_at": finished_at} if status.terminal else {}
    told = {
        "service": chance.choice("ab"),
        "environment": chance.choice(ENVIRONMENTS),
        "version": chance.choice(VERSIONS),
        "config_revision": chance.choice([None, "x", "y"]),
        "external_id": chance.choice([None, *"123456"]),
        "status": status,
        "started_at": finished_at - took,
        **end,
    }
    record(connection, NewDeployment.model_validate(told))


def correct(connection: Connection, chance: random.Random) -> None:
    """Correct what kind a deployment is, or end it."""
    identifier = any_of(connection, chance, deployments)
    if identifier is None:
        return
    known = transitions.hold(connection, identifier)
    changed: dict[str, Any] = {"kind": chance.choice(["rollback", "resync", "rollout", None])}
    if known and known["finished_at"] is None:
        changed = {"status": "failed", "finished_at": known["started_at"] + timedelta(hours=1)}
    transitions.change(connection, identifier, DeploymentChange.model_validate(changed))


def rewrite(connection: Connection, chance: random.Random) -> None:
    """Change a row of deployments as no function of ours does, but an older version may."""
    identifier = any_of(connection, chance, deployments)
    values: dict[str, Any] = {"version": chance.choice(VERSIONS)}
    if chance.random() < 0.5:
        at = moment(chance)
        values = {"started_at": at, "finished_at": at, "status": "succeeded"}
    connection.execute(update(deployments).where(deployments.c.id == identifier).values(values))


def break_down(connection: Connection, chance: random.Random) -> None:
    """Report an incident, with a stated cause or without."""
    detected_at = moment(chance)
    hours = chance.choice([None, 0, chance.randrange(80)])
    told = {
        "service": chance.choice("ab"),
        "environment": chance.choice(ENVIRONMENTS),
        "title": "It is down",
        "detected_at": detected_at,
        "resolved_at": None if hours is None else detected_at + timedelta(hours=hours),
        "deployment_id": chance.choice([None, any_of(connection, chance, deployments)]),
        "external_id": chance.choice([None, *"12"]),
    }
    reports.record(connection, NewIncident.model_validate(told))


def reconsider(connection: Connection, chance: random.Random) -> None:
    """Resolve an incident, open it again, or put it down to another deployment."""
    identifier = any_of(connection, chance, incidents)
    if identifier is None:
        return
    known = reports.hold(connection, identifier)
    assert known is not None
    resolved_at = known["detected_at"] + timedelta(hours=chance.randrange(99))
    changed = chance.choice(
        [
            {"resolved_at": resolved_at},
            {"resolved_at": None},
            {"deployment_id": any_of(connection, chance, deployments)},
            {"deployment_id": None},
        ]
    )
    reports.change(connection, identifier, IncidentChange.model_validate(changed))


def commit(connection: Connection, chance: random.Random) -> None:
    """Report a change, or the version of one that was known without."""
    told = {
        "service": chance.choice("ab"),
        "commit": f"{chance.randrange(12):040x}",
        "committed_at": moment(chance),
        "version": chance.choice([None, *VERSIONS]),
    }
    record_all(connection, [NewChange.model_validate(told)])


def forget_commit(connection: Connection, chance: random.Random) -> None:
    """Delete a change, as the retraction of its event does, or move it."""
    one = changes.c.id == any_of(connection, chance, changes)
    if chance.random() < 0.5:
        connection.execute(delete(changes).where(one))
    else:
        connection.execute(update(changes).where(one).values(committed_at=moment(chance)))


def remove(connection: Connection, chance: random.Random) -> None:
    """Delete a deployment or, seldom, a service or an environment."""
    identifier = any_of(connection, chance, deployments)
    if chance.random() < 0.2:
        names, table, delete_one = chance.choice(
            [
                ("ab", services, deletions.delete_service),
                (ENVIRONMENTS, environments, deletions.delete_environment),
            ]
        )
        name = chance.choice(names)
        if connection.execute(select(table.c.id).where(table.c.name == name)).scalar():
            delete_one(connection, name, "ada")
    elif identifier is not None:
        transitions.hold(connection, identifier)
        deletions.delete_deployment(connection, identifier, "ada")


def declare(connection: Connection, chance: random.Random) -> None:
    """Say of which tier an environment is."""
    tier = chance.choice([Tier.PRODUCTION, Tier.PRODUCTION, Tier.STAGING])
    description = EnvironmentDescription(tier=tier)
    catalog.describe_environment(connection, chance.choice(ENVIRONMENTS), description)


def refresh(connection: Connection, _: random.Random) -> None:
    """Bring the kept rows up to date."""
    refreshing.refresh(connection)


ACTS: dict[Act, int] = {
    deploy: 40,
    refresh: 25,
    break_down: 10,
    commit: 12,
    reconsider: 6,
    correct: 4,
    rewrite: 4,
    remove: 4,
    declare: 3,
    forget_commit: 3,
}


def kept(connection: Connection) -> list[list[Any]]:
    """Return all kept rows."""
    return [sorted(map(tuple, connection.execute(select(table))), key=str) for table in KEPT]


@contextmanager
def told(database: Database, number: int) -> Iterator[Connection]:
    """Write a history for a while; what is refused has no effect."""
    chance = random.Random(number)  # noqa: S311 (a history, not a secret)
    acts = chance.choices([*ACTS], [*ACTS.values()], k=chance.randrange(5, 60))
    with database.engine.connect() as connection:
        let_write(connection)
        for act in acts:
            with suppress(ConflictError, InvalidValueError), connection.begin_nested():
                act(connection, chance)
        refreshing.refresh(connection)
        yield connection
        connection.rollback()


def computed_anew(connection: Connection) -> None:
    """Compute all kept rows from nothing."""
    for table in KEPT:
        connection.execute(delete(table))
    refreshing.forget(connection)
    refreshing.refresh(connection)


def check(connection: Connection) -> None:
    """Compare the metrics with a second computation of them."""
    asked = {"from": BEGIN, "to": BEGIN + timedelta(days=LATER + DAYS), "interval": "week"}
    oracle = oracle_of(connection)
    for period in report.measure(connection, Query.model_validate(asked)).overall.periods:
        assert numbers(period) == oracle.figures(period.since, period.until)


@pytest.mark.parametrize("first", range(FIRST, FIRST + HISTORIES, HUNDRED))
def test_kept_rows_and_their_metrics_are_those_of_a_computation_of_everything(
    database: Database, first: int
) -> None:
    for number in range(first, min(first + HUNDRED, FIRST + HISTORIES)):
        with told(database, number) as connection:
            found = kept(connection)
            check(connection)
            computed_anew(connection)

            assert found == kept(connection), f"FIRST={number} HISTORIES=1 tells it again"


Step = Callable[[Ledger], object]


def ran(version: str, hours: float, **more: Any) -> Step:
    """Return what reports a deployment that ended so many hours after the beginning."""
    end = BEGIN + timedelta(hours=hours)
    told = {"service": "a", "environment": "prod", "version": version, "status": "succeeded"}
    return lambda ledger: ledger.deploy({**told, "started_at": end, "finished_at": end} | more)


def moved(version: str, hours: float) -> Step:
    """Return what gives a deployment another end, as its sender may correct it."""
    end = BEGIN + timedelta(hours=hours)
    one = deployments.c.version == version
    changed = update(deployments).where(one).values(started_at=end, finished_at=end)
    return lambda ledger: ledger.connection.execute(changed)


def broke(hours: float, *, resolved: float | None = None, cause: str | None = None) -> Step:
    """Return what reports an incident, caused by the deployment of a version if told."""

    def step(ledger: Ledger) -> None:
        found = select(deployments.c.id).where(deployments.c.version == cause)
        identifier = None if cause is None else ledger.connection.execute(found).scalar_one()
        end = None if resolved is None else BEGIN + timedelta(hours=resolved)
        ledger.incident("a", "prod", BEGIN + timedelta(hours=hours), end, identifier)

    return step


def committed(version: str, hours: float) -> Step:
    """Return what reports a change of a version."""
    return lambda ledger: ledger.commit("a", [(version, BEGIN + timedelta(hours=hours))])


def declared(name: str, tier: Tier) -> Step:
    """Return what describes an environment."""
    described = EnvironmentDescription(tier=tier)
    return lambda ledger: catalog.describe_environment(ledger.connection, name, described)


def written(statement: str) -> Step:
    """Return what executes a statement, as an older version may."""
    return lambda ledger: ledger.connection.execute(text(statement))


# What happened before the rows were brought up to date, and what is told afterwards.
CASES: dict[str, tuple[list[Step], Step]] = {
    "a success ends a failure of long ago": (
        [ran("1", 1), ran("2", 30), broke(150, cause="1"), ran("3", 120)],
        ran("4", 200),
    ),
    "a failure of long ago was in another place": (
        [ran("0", -5000), ran("3", 9, environment="live"), ran("1", 1, status="failed")],
        written(
            "UPDATE deployments SET started_at = '2025-12-01 00:00:00.000000',"
            " finished_at = '2025-12-01 00:00:00.000000', environment_id ="
            " (SELECT id FROM environments WHERE name = 'live') WHERE version = '1'"
        ),
    ),
    "a late success ends it earlier": ([ran("1", 1, status="failed"), ran("3", 9)], ran("2", 5)),
    "a success is deleted": (
        [ran("1", 1, status="failed"), ran("2", 5), ran("3", 9)],
        written("DELETE FROM deployments WHERE version = '2'"),
    ),
    "a rollback leaves the one before": ([ran("1", 1), ran("2", 2)], ran("1", 30)),
    "a late success is what was left": ([ran("1", 1), ran("2", 2), ran("1", 9)], ran("3", 5)),
    "an incident is put down to the last": ([ran("1", 1), ran("2", 2)], broke(40)),
    "a late deployment takes an incident over": ([ran("1", 1), broke(40)], ran("2", 30)),
    "an incident of long ago is put down": ([ran("1", 1), ran("2", 90)], broke(99, cause="1")),
    "an incident is resolved": (
        [ran("1", 1), broke(5)],
        written("UPDATE incidents SET resolved_at = '2026-03-02 07:00:00.000000'"),
    ),
    "a change is told of late": ([ran("1.0.0", 1), ran("1.1.0", 9)], committed("1.1.0", 5)),
    "a change of an older version is told of late": (
        [ran("1.0.0", 1), ran("1.2.0", 9), committed("1.2.0", 5)],
        committed("1.1.0", 3),
    ),
    "a change orders the versions by their commits": (
        [ran("1.0.0", 1), ran("1.2.0", 9), committed("1.2.0", 0.5), committed("1.1.0", 8)],
        committed("blue", 3),
    ),
    "a change moves a version in that order": (
        [ran("red", 5), ran("blue", 9), committed("red", 3), committed("blue", 2)],
        committed("blue", 4),
    ),
    "a change moves a version by another spelling of it": (
        [
            *(ran(version, hours) for version, hours in (("red", 1), ("blue", 5), ("5", 9))),
            *(committed(version, hours) for version, hours in (("red", 0), ("5", 1), ("blue", 3))),
        ],
        committed("v5", 4),
    ),
    "a late success delivers what another one did": (
        [ran("1.0.0", 1), ran("1.2.0", 9), committed("1.1.0", 0.5), committed("1.2.0", 0.5)],
        ran("1.1.0", 5),
    ),
    "a failure moves to a time long before": (
        [ran("0", -5000), ran("1", 1, status="failed"), ran("2", 5)],
        moved("1", -2000),
    ),
    "a failure and a first delivery move to another service": (
        [ran("9", 2, service="0"), ran("1", 1, status="failed"), ran("1.1", 1)],
        written("UPDATE deployments SET service_id = (SELECT id FROM services WHERE name = '0')"),
    ),
    "an environment comes to production": (
        [ran("1.0.0", 1, environment="eu"), committed("1.0.0", 0.5), ran("1.0.0", 9)],
        declared("eu", Tier.PRODUCTION),
    ),
    "an environment leaves production": (
        [ran("1.0.0", 1, environment="live"), committed("1.0.0", 0.5), ran("1.0.0", 9)],
        declared("live", Tier.STAGING),
    ),
}


@pytest.mark.parametrize("case", CASES)
def test_what_is_told_afterwards_counts(database: Database, case: str) -> None:
    before, afterwards = CASES[case]
    with database.engine.connect() as connection:
        let_write(connection)
        ledger = Ledger(connection)
        for step in before:
            step(ledger)
        refreshing.refresh(connection)
        stale = kept(connection)
        afterwards(ledger)
        refreshing.refresh(connection)

        found = kept(connection)
        check(connection)
        computed_anew(connection)
        assert found == kept(connection)
        assert found != stale
        connection.rollback()


URL = "/api/v1/metrics/dora?environment=prod"


def failure_rate(client: FlaskClient) -> Any:
    """Return the numerator and the denominator of the change failure rate."""
    rate = json_of(client.get(URL))["overall"]["periods"][0]["change_failure_rate"]
    return rate["numerator"], rate["denominator"]


def test_what_is_written_past_the_service_counts_in_the_next_answer(
    client: FlaskClient, database: Database, record: Record
) -> None:
    """As by a pod of the version before, during a rollout."""
    known = record(environment="prod", status="succeeded")
    assert failure_rate(client) == (0, 1)

    with database.engine.begin() as connection:
        connection.execute(text("UPDATE deployments SET status = 'failed'"))
    assert failure_rate(client) == (1, 1)
    with database.engine.begin() as connection:
        connection.execute(delete(deployments).where(deployments.c.id == UUID(known["id"])))
    assert failure_rate(client) == (0, 0)


def test_what_its_sender_calls_a_rollback_may_deliver_changes(
    client: FlaskClient, record: Record
) -> None:
    before = f"{datetime.now(UTC) - timedelta(days=3):%Y-%m-%dT%H:%M:%SZ}"
    changes = [
        {"service": "checkout", "commit": f"{number:07x}", "committed_at": before, "version": name}
        for number, name in enumerate(("1.1.0", "1.2.0"))
    ]
    json_of(client.post("/api/v1/changes", json={"changes": changes}))
    record(environment="prod", status="succeeded", version="1.1.0")
    record(environment="prod", status="succeeded", version="2.0.0", kind="rollback")

    (period,) = json_of(client.get(URL))["overall"]["periods"]

    assert period["lead_time_for_changes"]["count"] == 2


def test_what_was_brought_up_to_date_is_not_computed_again(
    client: FlaskClient, database: Database, record: Record
) -> None:
    record(environment="prod", status="failed")
    first = failure_rate(client)
    with database.engine.begin() as connection:
        connection.execute(delete(failures))

    assert (first, failure_rate(client)) == ((1, 1), (0, 1))


def test_a_command_computes_all_of_it_anew(
    client: FlaskClient, app: Flask, database: Database, record: Record
) -> None:
    record(environment="prod", status="failed")
    before = failure_rate(client)
    with database.engine.begin() as connection:
        connection.execute(update(failures).values(deployment_id=UUID(int=1)))
        connection.execute(delete(first_deliveries))

    done = app.test_cli_runner().invoke(args=["ledger", "recompute"])

    assert (done.exit_code, failure_rate(client)) == (0, before)
    with database.read() as connection:
        assert len(connection.execute(select(failures)).all()) == 1


def test_two_who_find_the_same_changes_get_the_same_answer(
    client: FlaskClient, database: Database, record: Record, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("api.database.ATTEMPTS", 1)  # neither has to begin again
    record(environment="prod", status="failed")
    with ThreadPoolExecutor(1) as pool:
        with database.up_to_date(refreshing.outdated, refreshing.refresh):
            # Waits for this transaction, which has taken what it finds.
            other = pool.submit(failure_rate, client)
            wait([other], timeout=0.2)
            assert not other.done()
        assert other.result(timeout=10) == (1, 1)
