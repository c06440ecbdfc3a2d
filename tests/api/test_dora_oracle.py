"""The metrics of random histories, compared with a second computation of them: `oracle`."""

from __future__ import annotations

import random
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from sqlalchemy import Connection, Select, select

from api.database import Database
from api.domain.dora import report
from api.domain.dora.kept import refreshing
from api.domain.dora.model import Period
from api.domain.dora.query import Query
from api.tables import changes, deployments, environments, incidents, services
from tests.api.ledger import Ledger
from tests.api.oracle import Oracle

# Across the turn of a year, of months and of weeks.
BEGIN = datetime(2025, 12, 15, tzinfo=UTC)
DAYS = 40
SEMANTIC = ["1.0.0", "v1.1.0", "1.1.0", "1.1.1-rc.1", "1.1.1", "2.0.0"]
OTHER = ["blue", "green", "red", "7f3a91c"]


def moment(chance: random.Random) -> datetime:
    """Return a time: often one of four a day, so that several things happen at one instant."""
    hours = 6 * chance.randrange(DAYS * 4)
    return BEGIN + timedelta(hours=hours, seconds=chance.choice([0, 0, chance.randrange(6 * 3600)]))


def write(ledger: Ledger, chance: random.Random) -> None:
    """Write a history in which half of the deployments take no time."""
    versions = {service: chance.choice([SEMANTIC, OTHER]) for service in "ab"}
    reports: list[dict[str, Any]] = []
    for _ in range(60):
        service, finished_at = chance.choice("ab"), moment(chance)
        took = chance.choice([timedelta(), timedelta(minutes=chance.randrange(1, 300))])
        status = chance.choices(["succeeded", "failed", "cancelled", "running"], [12, 5, 1, 1])[0]
        times: dict[str, Any] = {"started_at": finished_at - took}
        if status != "running":
            times["finished_at"] = finished_at
        reports.append(
            {
                "service": service,
                "environment": chance.choice(["prod", "live", "dev"]),
                "version": chance.choice(versions[service]),
                "config_revision": chance.choice([None, "x", "y"]),
                "status": status,
                **times,
            }
        )
    ids = ledger.deploy(*reports)
    for _ in range(12):
        number = chance.randrange(len(reports))
        cause = chance.choice([None, None, number])
        where = reports[number]
        detected_at = moment(chance)
        resolved_at = chance.choice([None, detected_at + timedelta(hours=chance.randrange(80))])
        ledger.incident(
            where["service"],
            where["environment"],
            detected_at,
            resolved_at,
            None if cause is None else ids[cause],
        )
    for service in "ab":
        ledger.commit(service, [(chance.choice(versions[service]), moment(chance)) for _ in "1234"])


def oracle_of(connection: Connection) -> Oracle:
    """Return the oracle for what a ledger has of production."""
    named = (services.c.name.label("service"), environments.c.name.label("environment"))

    def rows(statement: Select[Any]) -> list[dict[str, Any]]:
        return [dict(row) for row in connection.execute(statement).mappings()]

    deployed, broken = (
        select(table, *named)
        .select_from(table.join(services).join(environments))
        .where(environments.c.tier == "production")
        for table in (deployments, incidents)
    )
    committed = (
        select(changes, named[0])
        .select_from(changes.join(services))
        .where(changes.c.version.is_not(None))
    )
    return Oracle(rows(deployed), rows(broken), rows(committed))


def numbers(period: Period) -> dict[str, Any]:
    """Return the numbers of a period in the shape of the oracle's."""
    frequency, lead = period.deployment_frequency, period.lead_time_for_changes
    failures, rework = period.change_failure_rate, period.rework_rate
    recovery = period.failed_deployment_recovery_time
    return {
        "frequency": frequency.numerator,
        "rollbacks": frequency.rollbacks,
        "hotfixes": frequency.hotfixes,
        "lead times": (lead.count, lead.median_seconds),
        "failure rate": (failures.numerator, failures.denominator),
        "recoveries": (recovery.count, recovery.median_seconds),
        "rework": (rework.numerator, rework.denominator),
    }


def windows(chance: random.Random) -> list[tuple[str, datetime, datetime]]:
    """Return the whole in each interval, and two arbitrary windows."""
    end = BEGIN + timedelta(days=DAYS + 5)
    whole = [(interval, BEGIN, end) for interval in ("day", "week", "month", "all")]
    for _ in range(2):
        since, until = sorted((moment(chance), moment(chance)))
        whole.append(("all", since, until + timedelta(seconds=1)))
    return whole


@pytest.mark.parametrize("seed", range(12))
def test_the_metrics_are_those_of_the_document(database: Database, seed: int) -> None:
    chance = random.Random(seed)  # noqa: S311 (a history, not a secret)
    with database.write() as connection:
        write(Ledger(connection), chance)
    with database.up_to_date(refreshing.outdated, refreshing.refresh) as connection:
        oracle = oracle_of(connection)
        for interval, since, until in windows(chance):
            asked = {"from": since, "to": until, "interval": interval}
            for period in report.measure(connection, Query.model_validate(asked)).overall.periods:
                expected = oracle.figures(period.since, period.until)
                assert numbers(period) == expected, (interval, period.since)
