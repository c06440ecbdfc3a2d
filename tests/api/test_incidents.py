"""Incidents: reported, linked to what caused them, resolved, on SQLite and on PostgreSQL."""

from __future__ import annotations

import itertools
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from flask.testing import FlaskClient
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from sqlalchemy import func, select

from api.database import Database
from api.domain.incidents import reports as incident_reports
from api.domain.incidents.model import NewIncident
from api.tables import services
from tests.api.conftest import Record, json_of, problem

URL = "/api/v1/incidents"
NOON = datetime(2026, 3, 1, 12, tzinfo=UTC)
COMPLETE = {
    "service": "checkout",
    "environment": "prod",
    "title": "Payments are refused",
    "detected_at": "2026-03-01T12:10:00Z",
    "resolved_at": "2026-03-01T12:40:00.250000Z",
    "links": [{"title": "alert", "url": "https://alerts.example.com/815"}],
    "source": "alerts",
    "external_id": "815",
}
UNKNOWN = "01a204a7-4dff-7616-882b-1c461cd17a99"
Report = Callable[..., dict[str, Any]]


@pytest.fixture
def report(client: FlaskClient) -> Report:
    """Return a function that reports an incident of checkout in prod, at noon unless told."""

    def report(**fields: object) -> dict[str, Any]:
        body = {
            "service": "checkout",
            "environment": "prod",
            "title": "down",
            "detected_at": at(0),
            **fields,
        }
        return json_of(client.post(URL, json=body))

    return report


@pytest.fixture
def deployed(record: Record) -> Callable[..., str]:
    """Return a function that records a deployment of checkout in prod that ends at a time."""

    def deployed(finished_at: str, **fields: str | None) -> str:
        told = record(**{"environment": "prod", "finished_at": finished_at, **fields})
        return str(told["id"])

    return deployed


Deployed = Callable[..., str]


def at(hours: float, **fraction: float) -> str:
    """Return the time so many hours after noon."""
    return (NOON + timedelta(hours=hours, **fraction)).isoformat().replace("+00:00", "Z")


def change(client: FlaskClient, incident: dict[str, Any], **fields: object) -> dict[str, Any]:
    return json_of(client.patch(f"{URL}/{incident['id']}", json=fields))


def cause(client: FlaskClient, incident: dict[str, Any]) -> tuple[str | None, str | None]:
    told = json_of(client.get(f"{URL}/{incident['id']}"))
    return told["deployment_id"], told["link"]


def kind(client: FlaskClient, deployment_id: str) -> str:
    return str(json_of(client.get(f"/api/v1/deployments/{deployment_id}"))["kind"])


def test_a_reported_incident_is_read_back_as_it_was_sent(client: FlaskClient) -> None:
    created = client.post(URL, json=COMPLETE)

    assert created.status_code == 201
    read = client.get(created.headers["Location"])
    assert read.json == created.json
    assert {name: json_of(read)[name] for name in COMPLETE} == COMPLETE
    assert (json_of(read)["deployment_id"], json_of(read)["link"]) == (None, None)


def test_it_was_detected_when_it_was_reported_unless_told(client: FlaskClient) -> None:
    body = {"service": "checkout", "environment": "prod", "title": "down"}
    told = json_of(client.post(URL, json=body))
    resolved = json_of(client.post(URL, json={**body, "resolved_at": at(0)}))

    assert told["detected_at"] == told["created_at"]
    assert told["resolved_at"] is None
    assert resolved["detected_at"] == resolved["resolved_at"] == at(0)


def test_without_an_external_id_each_report_is_an_incident(report: Report) -> None:
    assert report()["id"] != report()["id"]


def test_the_same_report_twice_is_one_incident(client: FlaskClient) -> None:
    first, second = client.post(URL, json=COMPLETE), client.post(URL, json=COMPLETE)

    assert (first.status_code, second.status_code) == (201, 200)
    assert first.json == second.json
    assert first.headers["Location"] == second.headers["Location"]


def test_first_reports_at_the_same_time_are_one(client: FlaskClient) -> None:
    def post(_: int) -> tuple[int, str]:
        response = client.application.test_client().post(URL, json=COMPLETE)
        return response.status_code, json_of(response)["id"]

    with ThreadPoolExecutor(8) as pool:
        told = list(pool.map(post, range(16)))
    assert sorted(status for status, _ in told) == [200] * 15 + [201]
    assert len({identifier for _, identifier in told}) == 1


def test_reports_of_one_incident_add_up(report: Report, deployed: Deployed) -> None:
    culprit = deployed(at(-1))
    links = [{"title": title, "url": "https://example.com"} for title in "ba"]
    report(external_id="1", title="late", links=links[:1], resolved_at=at(1))
    report(external_id="1", title="early", detected_at=at(-0.5), links=links[1:])
    told = report(external_id="1", resolved_at=at(3), detected_at=at(2), deployment_id=culprit)
    again = report(external_id="1")

    assert (told["title"], told["detected_at"], told["resolved_at"]) == ("early", at(-0.5), at(3))
    assert (told["deployment_id"], told["link"]) == (culprit, "stated")
    assert told["links"] == links[::-1]
    assert again == told


REPORTS = st.lists(
    st.builds(
        lambda title, detected, lasted, links: {
            "title": title,
            # With neither time it would be the time of the report, which is another in each order.
            "detected_at": 0 if detected is None and lasted is None else detected,
            "resolved_at": None if lasted is None else (detected or 0) + lasted,
            "links": [{"title": link, "url": "https://example.com"} for link in links],
        },
        title=st.sampled_from("abc"),
        detected=st.none() | st.integers(0, 3),
        lasted=st.none() | st.integers(0, 3),
        links=st.lists(st.sampled_from("xyz"), max_size=3),
    ),
    min_size=1,
    max_size=3,
)
NUMBERS = itertools.count()


@settings(
    deadline=None,
    database=None,
    max_examples=60,
    suppress_health_check=[HealthCheck.function_scoped_fixture],
)
@given(data=st.data(), reports=REPORTS)
def test_any_order_of_reports_gives_the_same_incident(
    database: Database, data: st.DataObject, reports: list[dict[str, Any]]
) -> None:
    repeated = reports + data.draw(st.lists(st.sampled_from(reports), min_size=1, max_size=3))
    orders = [reports, data.draw(st.permutations(repeated))]

    def told(order: list[dict[str, Any]]) -> dict[str, Any]:
        number = str(next(NUMBERS))
        for each in order:
            times = {
                name: None if each[name] is None else at(each[name])
                for name in ("detected_at", "resolved_at")
            }
            place = {"service": "checkout", "environment": "prod", "external_id": number}
            new = NewIncident.model_validate({**each, **place, **times})
            with database.write() as connection:
                recorded, _ = incident_reports.record(connection, new)
        return {
            name: value
            for name, value in recorded.items()
            if name not in ("id", "external_id", "created_at")
        }

    first, second = map(told, orders)
    assert first == second


@pytest.mark.parametrize(
    "contradiction", [{"service": "web"}, {"environment": "dev"}, {"deployment_id": ...}]
)
def test_a_contradiction_is_a_conflict_and_changes_nothing(
    client: FlaskClient, deployed: Deployed, contradiction: dict[str, object]
) -> None:
    culprit, other = deployed(at(-2)), deployed(at(-1))
    body: dict[str, object] = {**COMPLETE, "deployment_id": culprit}
    before = json_of(client.post(URL, json=body))
    if "deployment_id" in contradiction:
        contradiction = {"deployment_id": other}
    else:
        body["deployment_id"] = None  # it is of the same place

    problem(client.post(URL, json={**body, "title": "A", **contradiction}), 409)
    assert json_of(client.get(URL))["items"] == [before]
    problem(client.get("/api/v1/services/web"), 404)


def test_it_is_put_down_to_the_latest_deployment_there(
    client: FlaskClient, report: Report, deployed: Deployed
) -> None:
    deployed(at(-3), version="1")
    latest = deployed(at(-2), version="2", status="failed")
    deployed(at(-1), version="3", service="web")
    deployed(at(-1), version="4", environment="dev")
    deployed(at(-1), version="5", status="cancelled")
    deployed(at(1), version="6")
    told = report()

    assert (told["deployment_id"], told["link"]) == (latest, "inferred")
    assert json_of(client.get(URL))["items"] == [told]


def test_a_resync_brought_nothing_that_could_break(
    client: FlaskClient, report: Report, deployed: Deployed
) -> None:
    rollout, resync = deployed(at(-2)), deployed(at(-1))

    assert kind(client, resync) == "resync"
    assert cause(client, report()) == (rollout, "inferred")


@pytest.mark.parametrize(
    ("before", "inferred"),
    [
        (timedelta(0), True),
        (timedelta(microseconds=-1), False),
        (timedelta(hours=72), True),
        (timedelta(hours=72, microseconds=1), False),
    ],
)
def test_it_is_looked_for_in_the_72_hours_before(
    client: FlaskClient, report: Report, deployed: Deployed, before: timedelta, inferred: bool
) -> None:
    detected = NOON + timedelta(microseconds=123456)
    deployment = deployed((detected - before).isoformat())
    incident = report(detected_at=detected.isoformat())

    expected = (deployment, "inferred") if inferred else (None, None)
    assert cause(client, incident) == expected


def test_a_deployment_that_is_reported_late_counts(
    client: FlaskClient, report: Report, deployed: Deployed
) -> None:
    first = deployed(at(-2), version="1")
    incident = report()
    assert cause(client, incident) == (first, "inferred")

    late = deployed(at(-1), version="2")
    assert cause(client, incident) == (late, "inferred")


def test_what_is_stated_outweighs_what_is_inferred_until_it_is_unlinked(
    client: FlaskClient, report: Report, deployed: Deployed
) -> None:
    culprit, latest = deployed(at(-100), version="1"), deployed(at(-1), version="2")
    incident = report()

    assert change(client, incident, deployment_id=culprit)["link"] == "stated"
    assert cause(client, incident) == (culprit, "stated")
    change(client, incident, deployment_id=None)
    assert cause(client, incident) == (latest, "inferred")


def test_the_deployment_stated_must_be_of_the_same_place(
    client: FlaskClient, report: Report, deployed: Deployed
) -> None:
    incident = report()
    for wrong in (UNKNOWN, deployed(at(-1), service="web"), deployed(at(-1), environment="dev")):
        body = {**COMPLETE, "deployment_id": wrong}
        patch = {"deployment_id": wrong, "title": "changed"}
        for response in (
            client.post(URL, json=body),
            client.patch(f"{URL}/{incident['id']}", json=patch),
        ):
            errors = problem(response, 422)["errors"]
            assert isinstance(errors, list)
            assert [error["pointer"] for error in errors] == ["#/deployment_id"]
    assert json_of(client.get(URL))["items"] == [incident]


def test_what_was_begun_while_an_incident_was_open_is_a_hotfix(
    client: FlaskClient, report: Report, record: Record
) -> None:
    def deploy(version: str, started_at: str) -> str:
        place = {"environment": "prod", "version": version}
        return str(record(**place, started_at=started_at)["id"])

    deployments = [deploy(str(hour), at(hour)) for hour in range(4)]

    def kinds() -> str:
        return "".join(kind(client, each)[0] for each in deployments)

    assert kinds() == "rrrr"
    incident = report(external_id="1", detected_at=at(2))
    assert kinds() == "rrhh"
    report(external_id="1", detected_at=at(1), resolved_at=at(2))
    assert kinds() == "rhrr"
    change(client, incident, resolved_at=at(3))
    assert kinds() == "rhhr"
    change(client, incident, resolved_at=None)
    assert kinds() == "rhhh"
    report(service="web", detected_at=at(0))
    assert kinds() == "rhhh"


def test_it_is_resolved_and_opened_again(client: FlaskClient, report: Report) -> None:
    incident = report()

    assert change(client, incident, resolved_at=at(1)) == {**incident, "resolved_at": at(1)}
    assert change(client, incident, resolved_at=None) == incident
    assert change(client, incident) == incident


def test_it_may_be_resolved_in_the_moment_it_was_detected(
    client: FlaskClient, report: Report
) -> None:
    assert change(client, report(), resolved_at=at(0))["resolved_at"] == at(0)


def test_what_was_corrected_is_left_alone_by_later_reports(
    client: FlaskClient, report: Report, deployed: Deployed
) -> None:
    reported, culprit = deployed(at(-2), version="1"), deployed(at(-1), version="2")
    told: dict[str, Any] = {"external_id": "1", "title": "a", "deployment_id": reported}
    incident = report(**told, resolved_at=at(2))
    corrected = change(client, incident, title="b", resolved_at=at(1), deployment_id=culprit)

    assert (corrected["title"], corrected["resolved_at"]) == ("b", at(1))
    assert report(**told, resolved_at=at(2)) == corrected


def test_what_was_set_to_null_is_filled_in_by_later_reports(
    client: FlaskClient, report: Report
) -> None:
    incident = report(external_id="1")
    change(client, incident, resolved_at=at(1))
    change(client, incident, resolved_at=None)

    assert report(external_id="1", resolved_at=at(2))["resolved_at"] == at(2)


def test_links_are_replaced(client: FlaskClient, report: Report) -> None:
    links = [{"title": "review", "url": "https://example.com/review"}]

    assert change(client, report(links=[]), links=links)["links"] == links


def test_only_what_was_read_last_is_changed(client: FlaskClient, report: Report) -> None:
    url = f"{URL}/{report()['id']}"
    headers = {"If-Match": client.get(url).headers["ETag"]}

    assert client.patch(url, json={"title": "first"}, headers=headers).status_code == 200
    problem(client.patch(url, json={"title": "second"}, headers=headers), 412)
    assert json_of(client.get(url))["title"] == "first"


def test_of_changes_at_the_same_time_one_is_made(client: FlaskClient, report: Report) -> None:
    url = f"{URL}/{report()['id']}"
    headers = {"If-Match": client.get(url).headers["ETag"]}

    def patch(number: int) -> int:
        other = client.application.test_client()
        return other.patch(url, json={"title": f"{number}"}, headers=headers).status_code

    with ThreadPoolExecutor(8) as pool:
        assert sorted(pool.map(patch, range(8))) == [200] + [412] * 7


FAULTS = [
    ({"title": ""}, "#/title"),
    ({"title": None}, "#/title"),
    ({"title": "nul\x00"}, "#/title"),
    ({"title": "two\nlines"}, "#/title"),
    ({"title": "a" * 65536}, "#/title"),
    ({"resolved_at": "2026-03-01T12:40:00"}, "#/resolved_at"),
    ({"resolved_at": "2026-03-01T12:09:59Z"}, "#/resolved_at"),
    ({"resolved_at": "2999-03-01T12:40:00Z"}, "#/resolved_at"),
    ({"resolved_at": True}, "#/resolved_at"),
    ({"deployment_id": "4711"}, "#/deployment_id"),
    ({"links": [{"title": "x", "url": "javascript:alert(1)"}]}, "#/links/0/url"),
    ({"links": [{"title": "x", "url": "https://example.com"}] * 11}, "#/links"),
    ({"severity": 1}, "#/severity"),
]


@pytest.mark.parametrize(
    ("fault", "pointer"),
    [
        *FAULTS,
        ({"service": "Check Out"}, "#/service"),
        ({"service": "nul\x00"}, "#/service"),
        ({"environment": "a" * 64}, "#/environment"),
        ({"detected_at": "2026-03-01T12:10:00"}, "#/detected_at"),
        ({"detected_at": "yesterday"}, "#/detected_at"),
        ({"source": ""}, "#/source"),
        ({"external_id": "nul\x00"}, "#/external_id"),
        ({"external_id": "a" * 65536}, "#/external_id"),
        ({"link": "stated"}, "#/link"),
    ],
)
def test_a_fault_is_pointed_at_and_nothing_is_stored(
    client: FlaskClient, database: Database, fault: dict[str, object], pointer: str
) -> None:
    errors = problem(client.post(URL, json={**COMPLETE, **fault}), 422)["errors"]

    assert isinstance(errors, list)
    assert [error["pointer"] for error in errors] == [pointer]
    with database.read() as connection:
        assert connection.scalar(select(func.count()).select_from(services)) == 0


@pytest.mark.parametrize(
    ("fault", "pointer"),
    [
        *FAULTS,
        ({"links": None}, "#/links"),
        ({"detected_at": "2026-03-01T12:00:00Z"}, "#/detected_at"),
        ({"service": "web"}, "#/service"),
    ],
)
def test_a_fault_in_a_change_is_pointed_at_and_nothing_changes(
    client: FlaskClient, fault: dict[str, object], pointer: str
) -> None:
    created = client.post(URL, json=COMPLETE)
    errors = problem(client.patch(created.headers["Location"], json=fault), 422)["errors"]

    assert isinstance(errors, list)
    assert [error["pointer"] for error in errors] == [pointer]
    assert client.get(created.headers["Location"]).json == created.json


def test_the_list_is_newest_first_and_narrowed_by_its_filters(
    client: FlaskClient, report: Report
) -> None:
    report(title="1", detected_at=at(1), resolved_at=at(2))
    report(title="3", detected_at=at(3), environment="dev")
    report(title="2", detected_at=at(2), service="web")

    def titles(query: str) -> list[str]:
        page = json_of(client.get(f"{URL}?{query}"))
        assert page["next_cursor"] is None
        return [item["title"] for item in page["items"]]

    assert titles("") == ["3", "2", "1"]
    assert titles("service=checkout") == ["3", "1"]
    assert titles("environment=prod") == ["2", "1"]
    assert titles("open=true") == ["3", "2"]
    assert titles("open=false") == ["1"]
    assert titles(f"from={at(2)}&to={at(3)}") == ["2"]
    assert titles("service=web&open=false") == []


def test_pages_hold_each_incident_once_while_others_arrive(
    client: FlaskClient, report: Report
) -> None:
    expected = {report(detected_at=at(0))["id"] for _ in range(7)}
    seen: list[str] = []
    cursor: str | None = ""
    while cursor is not None:
        page = json_of(client.get(f"{URL}?limit=3{cursor and '&cursor=' + cursor}"))
        seen += [item["id"] for item in page["items"]]
        cursor = page["next_cursor"]
        report(detected_at=at(1))

    assert len(seen) == len(set(seen)) == 7
    assert set(seen) == expected


def test_a_cursor_is_good_only_for_its_own_filters(client: FlaskClient, report: Report) -> None:
    report()
    report()
    cursor = json_of(client.get(f"{URL}?limit=1&open=true"))["next_cursor"]

    assert client.get(f"{URL}?open=true&cursor={cursor}").status_code == 200
    for query in ("", "open=false&", "open=true&service=checkout&"):
        problem(client.get(f"{URL}?{query}cursor={cursor}"), 422)
    problem(client.get(f"/api/v1/deployments?cursor={cursor}"), 422)


@pytest.mark.parametrize(
    ("query", "parameter"),
    [
        ("limit=0", "limit"),
        ("is_open=true", "is_open"),
        ("open=maybe", "open"),
        ("service=%00", "service"),
        ("from=2026-03-01T12:00:00", "from"),
        ("from=2026-03-02T12:00:00Z&to=2026-03-01T12:00:00Z", "to"),
        ("cursor=made-up", "cursor"),
        ("cursor=" + "a" * 300, "cursor"),
    ],
)
def test_a_wrong_query_names_the_parameter(client: FlaskClient, query: str, parameter: str) -> None:
    errors = problem(client.get(f"{URL}?{query}"), 422)["errors"]

    assert isinstance(errors, list)
    assert [error["parameter"] for error in errors] == [parameter]


def test_an_unknown_incident_is_not_found(client: FlaskClient) -> None:
    problem(client.get(f"{URL}/{UNKNOWN}"), 404)
    problem(client.patch(f"{URL}/{UNKNOWN}", json={"title": "x"}), 404)
