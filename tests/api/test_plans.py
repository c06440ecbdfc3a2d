"""No list and no report reads a whole table of history, as the planner sees a million deployments.

The ledger has a few thousand; PostgreSQL is told that it has five hundred times as many, and SQLite
plans by the schema alone.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from itertools import pairwise

import pytest
from sqlalchemy import func, select, text

from api.database import writing
from api.domain.dora.kept import failing, refreshing
from api.domain.dora.loading.scope import Form
from api.domain.promotions import commits
from api.domain.selection import told
from api.tables import (
    changes,
    declarations,
    deployments,
    environments,
    events,
    evidence,
    incidents,
    versions,
)
from bench import plans
from bench.ledger import Ledger, open_ledger
from bench.questions import LISTS, PENDING, SUMS
from bench.seed import BEGIN, CELLS, END
from tests.api.conftest import json_of
from tests.api.test_statement_counts import CASES
from tests.postgresql import Lender

ROWS, TIMES = 2_000, 500
# They read the rows of their window, which may be all there are.
METRICS = "the metrics"


@pytest.fixture(scope="module", params=["sqlite", "postgresql"])
def large(
    request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory
) -> Iterator[Ledger]:
    """Return a ledger whose planner believes that it has a million deployments."""
    folder = tmp_path_factory.mktemp("large")
    if request.param == "sqlite":
        yield filled(open_ledger("SQLite", ROWS, {"DATA_DIR": folder}, folder))
        return
    # Not one that is lent again: what its planner believes would stay.
    lender: Lender = request.getfixturevalue("postgresql_lender")
    place = lender.server.new_database(lender.template)
    ledger = open_ledger("PostgreSQL", ROWS, place, folder)
    yield filled(ledger)
    ledger.engine.dispose()
    lender.server.drop(str(place["DATABASE_NAME"]))


def filled(ledger: Ledger) -> Ledger:
    """Fill a ledger, and let its planner believe that it is large."""
    ledger.fill()
    plans.pretend(ledger.engine, TIMES)
    return ledger


def answering(ledger: Ledger, path: str) -> list[plans.Statement]:
    """Return the statements that answer a question, without those that renew what is kept.

    Other tests report to this ledger, in any order, and the first question after them renews.
    """
    assert ledger.client.get(path).status_code == 200
    with plans.executed(ledger.engine) as statements:
        assert ledger.client.get(path).status_code == 200
    return statements


def test_no_list_reads_a_whole_table(large: Ledger) -> None:
    assert {path: steps for path in LISTS if (steps := large.scans(path))} == {}


def test_no_report_reads_a_whole_table(large: Ledger) -> None:
    found: dict[str, set[str]] = {}
    reports = {case: told for case, told in CASES.items() if not case.startswith(METRICS)}
    for case, (before, send, _) in reports.items():
        with plans.executed(large.engine) as statements:
            for request in [*before, send]:
                assert request(large.client).status_code < 300, case
        with large.engine.connect() as connection:
            steps = plans.scans(connection, statements)
        if steps:
            found[case] = steps

    assert found == {}


@pytest.mark.parametrize(
    "index",
    [
        "deployments_environment_id_finished_at_id",
        "failures_environment_id_finished_at",
        "failures_environment_id_recovered_at",
        "first_deliveries_scope_id_finished_at_service_id",
        "lead_times_scope_id_finished_at_service_id_seconds",
    ],
)
def test_the_metrics_of_all_services_are_counted_by_an_index(large: Ledger, index: str) -> None:
    """On PostgreSQL by the index alone: the rows of a window are many pages."""
    statements = answering(large, SUMS[0])

    with large.engine.connect() as connection:
        found = [step for step in plans.steps(connection, statements) if f"ix_{index} " in step]
    counted = "Index Only Scan" if large.database == "PostgreSQL" else "_at>? AND "
    assert any(counted in step for step in found)


def test_the_metrics_of_one_service_read_no_more_than_the_window(large: Ledger) -> None:
    statements = answering(large, SUMS[1])

    with large.engine.connect() as connection:
        steps = [*plans.steps(connection, statements), ""]
    # PostgreSQL tells the condition after the index.
    looked_up = [
        f"{step} {following}"
        for step, following in pairwise(steps)
        if re.search("ix_(deployments|first_deliveries|lead_times)_", step)
        and not re.search("pending|status=", f"{step} {following}")
    ]
    assert [step for step in looked_up if not re.search("_at ?>", step)] == []
    assert len(looked_up) >= 3


def test_the_deployments_of_one_service_are_counted_by_an_index(large: Ledger) -> None:
    """And not among those of all services, or of all times."""
    statements = answering(large, SUMS[1])

    index = "ix_deployments_service_id_environment_id_status_finished_at_id"
    with large.engine.connect() as connection:
        found = [step for step in plans.steps(connection, statements) if f"{index} " in step]
    counted = "Index Only Scan" if large.database == "PostgreSQL" else "finished_at>? AND "
    assert any(counted in step for step in found)


def test_only_the_incidents_of_the_window_are_looked_at(large: Ledger) -> None:
    """And not all those without a stated cause, for each of which a cause is looked up."""
    statements = answering(large, SUMS[0])

    (counting,) = [each for each in statements if re.search(r"(JOIN|FROM) incidents\b", each[0])]
    with large.engine.connect() as connection:
        steps = [*plans.steps(connection, [counting])]
    (step,) = [step for step in steps if "ix_incidents" in step]
    assert "detected_at" in step
    assert large.database == "SQLite" or not any(
        "incidents_deployment_id" in each for each in steps
    )


@pytest.mark.parametrize("path", SUMS[2:])
def test_the_incidents_of_a_page_are_looked_up_by_cell_and_time(large: Ledger, path: str) -> None:
    """And not all those without a stated cause, of all times and services."""
    statements = answering(large, path)

    (probable,) = [each for each in statements if "CASE WHEN (incidents.deployment_id" in each[0]]
    with large.engine.connect() as connection:
        (step,) = [step for step in plans.steps(connection, [probable]) if "ix_incidents" in step]
    assert "ix_incidents_service_id_environment_id_detected_at_id" in step
    assert large.database == "PostgreSQL" or "detected_at>? AND detected_at<?" in step


def test_the_deployments_of_a_release_that_waits_are_looked_up_by_its_names(large: Ledger) -> None:
    with plans.executed(large.engine) as statements:
        assert large.client.get(PENDING).status_code == 200

    tried = [each for each in statements if "deployments AS other" in each[0]]
    with large.engine.connect() as connection:
        found = "\n".join(plans.steps(connection, tried))
    # Two attempts, each by two spellings, abbreviations of its commit, and what names this.
    assert found.count("ix_deployments_versions") == 6
    assert found.count("ix_deployments_commits") == 2


def test_whether_a_commit_ran_by_another_name_is_looked_up_by_it(large: Ledger) -> None:
    report = {"service": "service-00", "environment": "prod", "version": "9fceb02"}
    with plans.executed(large.engine) as statements:
        assert large.client.post("/api/v1/deployments", json=report).status_code == 201

    with large.engine.connect() as connection:
        found = [" ".join(plans.steps(connection, [each])) for each in statements]
    # Each with a configuration and without.
    (steps,) = [each for each in found if "ix_deployments_versions" in each and "incidents" in each]
    assert steps.count("ix_deployments_versions") == 6
    assert steps.count("ix_deployments_commits") == 2


def test_versions_that_go_by_their_commits_are_looked_up_by_these(large: Ledger) -> None:
    with large.engine.connect() as connection:
        known = select(
            changes.c.service_id, func.min(changes.c.version), func.max(changes.c.version)
        )
        found = [
            {"number": number, "service_id": service_id, "old": old, "new": new}
            for number, (service_id, old, new) in enumerate(
                connection.execute(known.group_by(changes.c.service_id).limit(3))
            )
        ]
        with plans.executed(large.engine) as statements:
            list(commits.between(connection, found))

    with large.engine.connect() as connection:
        steps = [*plans.steps(connection, statements)]
        assert plans.scans(connection, statements) == set()
    assert any("ix_changes_service_id_committed_at_id" in step for step in steps)


@pytest.mark.parametrize("large", ["sqlite"], indirect=True)
def test_records_are_parsed_once_however_many_rows_they_are_joined_to(large: Ledger) -> None:
    with plans.executed(large.engine) as statements:
        with large.engine.connect() as connection, writing(connection):
            refreshing.forget(connection)
            refreshing.refresh(connection)
        assert large.client.get(SUMS[2]).status_code == 200

    with large.engine.connect() as connection:
        found = [*plans.steps(connection, statements)]
    before = [found[number - 1] for number, step in enumerate(found) if "VIRTUAL TABLE" in step]
    assert before
    assert {
        step for step in before if not step.startswith(("MATERIALIZE", "LIST SUBQUERY"))
    } == set()


@pytest.mark.parametrize("large", ["sqlite"], indirect=True)
def test_every_index_that_reports_pay_for_is_used_by_a_route(large: Ledger) -> None:
    """SQLite plans by the schema alone: an index that no plan has is needed for no question."""
    used: set[str] = set()
    with plans.executed(large.engine) as statements:
        for path in (*LISTS, *SUMS):
            assert large.client.get(path).status_code == 200
        for path in ("/services/service-00", "/environments/prod"):
            assert large.client.get(path, headers={"Accept": "text/html"}).status_code == 200
        for before, send, _ in CASES.values():
            for request in [*before, send]:
                assert request(large.client).status_code < 300
        event = json_of(large.client.get("/api/v1/events?source=github"))["items"][0]["id"]
        assert large.client.get(f"/api/v1/events/{event}").status_code == 200
        assert large.client.post(f"/api/v1/events/{event}/replay").status_code < 300
    with large.engine.connect() as connection:
        for step in plans.steps(connection, statements):
            used.update(re.findall(r"\bix_\w+", step))

    tables = (deployments, evidence, events, changes, versions, incidents, declarations)
    paid = {str(index.name) for table in tables for index in table.indexes if not index.unique}
    assert paid - used == set()


def test_since_when_a_release_runs_is_found_by_the_index_for_it(large: Ledger) -> None:
    """However often it was synchronised again. The index and the query state the same condition."""
    with large.engine.connect() as connection:
        postgresql = connection.dialect.name == "postgresql"
        asked = str(
            told(None, lateral=postgresql).compile(
                connection, compile_kwargs={"literal_binds": True}
            )
        )
        explain = "EXPLAIN " if postgresql else "EXPLAIN QUERY PLAN "
        plan = connection.exec_driver_sql(explain + asked.replace("%", "%%")).all()

    assert " ".join(line for *_, line in plan).count("ix_deployments_releases") == 3


@pytest.mark.parametrize("large", ["postgresql"], indirect=True)
def test_a_preview_is_expected_to_have_few_rows_however_many_a_stage_has(large: Ledger) -> None:
    """Else the whole table is read for what came there."""
    statements = answering(large, "/api/v1/matrix")

    with large.engine.connect() as connection:
        steps = "\n".join(plans.steps(connection, statements))
    came = re.findall(r"Scan.* on (deployments|declarations)  \(.* rows=(\d+) ", steps)
    assert {table for table, _ in came} == {"deployments", "declarations"}
    assert all(int(rows) <= ROWS * TIMES / 100 for _, rows in came)


@pytest.mark.parametrize("large", ["postgresql"], indirect=True)
def test_the_next_window_of_a_long_history_is_found_by_an_index(large: Ledger) -> None:
    """Else what is left of the history is sorted for each of its windows."""
    asked = failing.following(Form("postgresql", one_service=False))
    with large.engine.connect() as connection:
        places = [*connection.execute(select(environments.c.id)).scalars()]
        values = {"environments": places, "beginning": BEGIN, "end": END, "chunk": 10}
        with plans.executed(large.engine) as statements:
            connection.execute(asked, values)
        steps = pairwise([*plans.steps(connection, statements)])
    index = "Index Only Scan using ix_deployments_environment_id_finished_at_id"
    assert any("Limit" in outer and index in inner for outer, inner in steps)


@pytest.mark.parametrize("large", ["postgresql"], indirect=True)
def test_what_runs_is_expected_at_the_end_of_the_history(large: Ledger) -> None:
    """Else a short history is read and sorted, which takes three times as long."""
    statements = answering(large, "/api/v1/matrix")

    with large.engine.connect() as connection:
        steps = "\n".join(plans.steps(connection, statements))
    history = ROWS * TIMES / (CELLS.services * len(CELLS.environments))
    index = "ix_deployments_service_id_environment_id_status_finished_at_id"
    (succeeded,) = re.findall(rf"Scan Backward using {index} on .* rows=(\d+) ", steps)
    assert int(succeeded) > history / 10


@pytest.mark.parametrize(
    "statement",
    [
        "SELECT * FROM deployments WHERE actor = 'ada'",
        "SELECT count(*) FROM changes AS brought WHERE author = 'ada'",
        "SELECT id FROM incidents WHERE title = 'slow' OR service_id IS NULL",
        "UPDATE declarations SET path = 'k8s' WHERE path = 'apps'",
        "DELETE FROM events WHERE body = 'x'",
    ],
)
def test_a_statement_that_no_index_serves_is_found(large: Ledger, statement: str) -> None:
    with large.engine.connect() as connection:
        assert len(plans.scans(connection, [(statement, ())])) == 1


def test_a_list_that_loses_its_index_is_found(large: Ledger) -> None:
    statements = large.statements("/api/v1/events")

    with large.engine.connect() as connection, writing(connection):
        connection.execute(text("DROP INDEX ix_events_received_at_id"))
        found = plans.scans(connection, statements)
        connection.rollback()

    assert found != set()
