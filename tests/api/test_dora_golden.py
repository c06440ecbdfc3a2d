"""The golden history: two weeks worked out by hand, on SQLite and on PostgreSQL.

The window is Monday 2 March 2026 to Monday 16 March, in weeks. Two environments are of tier
production, prod and live; staging is not. `F` is the end of a deployment, 10 minutes after it
began unless said otherwise.

    checkout, prod            F                    what follows
      old      1.0.0      Feb 20 10:00     before the window: delivered up to 1.0.0
      broken   1.0.9  ✗   Mar  1 22:00     before the window; recovers in it, with v1
      v1       1.1.0      Mar  2 00:00     exactly at `from`: in; brings 1.1.0
      v2       1.2.0      Mar  3 10:00     brings 1.2.0
      v3       1.3.0      Mar  4 10:00     brings 1.2.1 and 1.3.0; fails by two incidents
      again    1.3.0      Mar  4 10:30     resync
      back     1.1.0      Mar  4 14:00     rollback, begun 13:50: away from v3, not from v2
      bad      1.3.1  ✗   Mar  5 10:00     fails
      fix      1.3.2      Mar  5 11:15     hotfix, begun 11:05 in `outage`; brings 1.3.1 and 1.3.2
      dropped  1.4.0  -   Mar  6 10:00     cancelled
      v4       1.4.0      Mar  9 00:00     exactly between the weeks: in the second; brings 1.4.0
      bad2     1.4.1  ✗   Mar 15 10:00     recovers with v5, after the window
      open     1.6.0  …   from Mar 15 23:00: unfinished
      v5       1.5.0      Mar 16 00:00     exactly at `to`: out
    checkout, live
      v2 live  1.2.0      Mar  3 12:00     brings nothing: 1.2.0 was in prod
      patch    1.2.1      Mar 10 10:00     stated hotfix; brings nothing, 1.4.0 is delivered
      bad live 1.5.0  ✗   Mar 11 10:00     never recovers
    search, prod
      first    2.0.0      Mar  5 00:00     the first ever: brings 2.0.0, but not 1.9.0
      odd      main-42    Mar 10 12:00     hotfix, while `stated late` is open; unknown changes
"""

from __future__ import annotations

from collections import Counter
from typing import Any

import pytest
from apiflask import APIFlask
from flask.testing import FlaskClient

from api.database import Database
from tests.api.conftest import json_of
from tests.api.ledger import Ledger, at

URL = "/api/v1/metrics/dora"
WINDOW = "from=2026-03-02T00:00:00Z&to=2026-03-16T00:00:00Z&interval=week"
HOUR = 3600
DAY = 24 * HOUR

# label: service, environment, version, status, start, end
DEPLOYMENTS: dict[str, tuple[str, str, str, str, str, str | None]] = {
    "old": ("checkout", "prod", "1.0.0", "succeeded", "02-20T09:50", "02-20T10:00"),
    "broken": ("checkout", "prod", "1.0.9", "failed", "01T21:50", "01T22:00"),
    "v1": ("checkout", "prod", "1.1.0", "succeeded", "01T23:50", "02T00:00"),
    "v2": ("checkout", "prod", "1.2.0", "succeeded", "03T09:50", "03T10:00"),
    "v2 live": ("checkout", "live", "1.2.0", "succeeded", "03T11:50", "03T12:00"),
    "v3": ("checkout", "prod", "1.3.0", "succeeded", "04T09:50", "04T10:00"),
    "again": ("checkout", "prod", "1.3.0", "succeeded", "04T10:20", "04T10:30"),
    "back": ("checkout", "prod", "1.1.0", "succeeded", "04T13:50", "04T14:00"),
    "first": ("search", "prod", "2.0.0", "succeeded", "04T23:50", "05T00:00"),
    "bad": ("checkout", "prod", "1.3.1", "failed", "05T09:50", "05T10:00"),
    "fix": ("checkout", "prod", "1.3.2", "succeeded", "05T11:05", "05T11:15"),
    "dropped": ("checkout", "prod", "1.4.0", "cancelled", "06T09:50", "06T10:00"),
    "v4": ("checkout", "prod", "1.4.0", "succeeded", "08T23:50", "09T00:00"),
    "patch": ("checkout", "live", "1.2.1", "succeeded", "10T09:50", "10T10:00"),
    "odd": ("search", "prod", "main-42", "succeeded", "10T11:50", "10T12:00"),
    "bad live": ("checkout", "live", "1.5.0", "failed", "11T09:50", "11T10:00"),
    "bad2": ("checkout", "prod", "1.4.1", "failed", "15T09:50", "15T10:00"),
    "open": ("checkout", "prod", "1.6.0", "running", "15T23:00", None),
    "v5": ("checkout", "prod", "1.5.0", "succeeded", "15T23:50", "16T00:00"),
    "elsewhere": ("checkout", "staging", "9.0.0", "failed", "03T09:50", "03T10:00"),
}


@pytest.fixture(scope="module")
def golden(shared_app: APIFlask) -> dict[str, str]:
    """Write the golden history; return the ids of its deployments and incidents, by label."""
    told = [
        {
            "service": service,
            "environment": environment,
            "version": version,
            "status": status,
            "started_at": at(start),
            "finished_at": at(end) if end else None,
            "kind": "hotfix" if label == "patch" else None,
        }
        for label, (service, environment, version, status, start, end) in DEPLOYMENTS.items()
    ]
    database: Database = shared_app.extensions["database"]
    with database.write() as connection:
        ledger = Ledger(connection)
        ids = dict(zip(DEPLOYMENTS, ledger.deploy(*told), strict=True))
        # The latest deployment before is `again`, but a resync is none: v3, one hour before.
        ids["inferred"] = ledger.incident("checkout", "prod", at("04T11:00"), at("04T13:00"))
        ids["stated"] = ledger.incident(
            "checkout", "prod", at("04T12:00"), at("04T15:00"), ids["v3"]
        )
        ids["outage"] = ledger.incident("checkout", "prod", at("05T10:30"), at("05T18:00"))
        # Exactly 72 hours after v2 live.
        ids["72 h"] = ledger.incident("checkout", "live", at("06T12:00"), at("06T13:00"))
        # 72 hours and a second after v4.
        ids["too late"] = ledger.incident("checkout", "prod", at("12T00:00:01"), at("12T06:00"))
        # Four days after `first`, which it states, and not resolved.
        ids["stated late"] = ledger.incident("search", "prod", at("09T00:00"), None, ids["first"])
        ledger.commit(
            "checkout",
            [
                ("1.0.0", at("02-19T00:00")),  # delivered before the window
                ("1.1.0", at("01T00:00")),  # v1: 24 h
                ("1.1.0", at("01T12:00")),  # v1: 12 h
                ("1.2.0", at("03T04:00")),  # v2: 6 h
                ("1.3.0", at("04T09:00")),  # v3: 1 h
                ("1.3.0", at("04T11:00")),  # v3: -1 h
                ("1.2.1", at("10T08:00")),  # v3, which comes after 1.2.1: negative
                ("1.3.1", at("05T08:00")),  # fix: 3 h 15 min
                ("1.3.2", at("05T10:45")),  # fix: 30 min
                ("1.4.0", at("08T00:00")),  # v4: 24 h
                ("1.5.0", at("11T00:00")),  # v5, after the window
                (None, at("03T00:00")),  # in no version yet
            ],
        )
        ledger.commit(
            "search",
            [
                ("2.0.0", at("04T00:00")),  # first: 24 h
                ("1.9.0", at("02-20T00:00")),  # before the first deployment known
                ("1.9.0", at("02-21T00:00")),
            ],
        )
    return {label: str(identifier) for label, identifier in ids.items()}


@pytest.fixture
def client(shared_app: APIFlask, golden: dict[str, str]) -> FlaskClient:
    """Return a client that reads the golden history."""
    assert golden
    return shared_app.test_client()


def reasons(metric: dict[str, Any]) -> dict[str, int]:
    return {each["reason"]: each["count"] for each in metric["excluded"]}


def weeks(client: FlaskClient, more: str = "") -> list[dict[str, Any]]:
    periods: list[dict[str, Any]] = json_of(client.get(f"{URL}?{WINDOW}{more}"))["overall"][
        "periods"
    ]
    return periods


def explanations(client: FlaskClient, query: str, limit: int = 200) -> list[dict[str, Any]]:
    items: list[dict[str, Any]] = []
    cursor = ""
    while True:
        page = json_of(client.get(f"{URL}/explain?{query}&limit={limit}{cursor}"))
        items += page["items"]
        if page["next_cursor"] is None:
            return items
        cursor = f"&cursor={page['next_cursor']}"


def test_the_periods_are_the_two_weeks(client: FlaskClient) -> None:
    answer = json_of(client.get(f"{URL}?{WINDOW}"))

    assert (answer["from"], answer["to"]) == ("2026-03-02T00:00:00Z", "2026-03-16T00:00:00Z")
    assert answer["environments"] == ["live", "prod"]
    assert [service["service"] for service in answer["services"]] == ["checkout", "search"]
    assert [(week["from"], week["to"]) for week in answer["overall"]["periods"]] == [
        ("2026-03-02T00:00:00Z", "2026-03-09T00:00:00Z"),
        ("2026-03-09T00:00:00Z", "2026-03-16T00:00:00Z"),
    ]


def test_deployment_frequency(client: FlaskClient) -> None:
    first, second = (week["deployment_frequency"] for week in weeks(client))

    # v1, v2, v2 live, v3, first; back; fix. Out: bad, dropped, again.
    assert first == {
        "per_day": 1.0,
        "numerator": 7,
        "denominator": 7.0,
        "rollouts": 5,
        "rollbacks": 1,
        "hotfixes": 1,
        "excluded": [
            {"reason": "cancelled", "count": 1},
            {"reason": "failed", "count": 1},
            {"reason": "resync", "count": 1},
        ],
    }
    # v4; patch, odd. Out: bad live, bad2; open.
    assert second["per_day"] == pytest.approx(3 / 7)
    assert (second["rollouts"], second["rollbacks"], second["hotfixes"]) == (1, 0, 2)
    assert reasons(second) == {"failed": 2, "unfinished": 1}


def test_lead_time_for_changes(client: FlaskClient) -> None:
    first, second = (week["lead_time_for_changes"] for week in weeks(client))

    # 0.5 h, 1 h, 3.25 h, 6 h, 12 h, 24 h (v1), 24 h (first): the fourth of seven is 6 h; the 90th
    # percentile is at 0.9 x 6 = 5.4, between the sixth and the seventh, both 24 h.
    assert (first["count"], first["median_seconds"], first["p90_seconds"]) == (7, 6 * HOUR, DAY)
    # Two that v3 had before they were committed; the two of 1.9.0.
    assert reasons(first) == {"committed_after_deployed": 2, "before_first_deployment": 2}
    # v1, v2, v3, fix, first: all their versions have changes. v2 live and back are not new.
    assert first["coverage"] == {"ratio": 1.0, "numerator": 5, "denominator": 5}
    # The change of v4 alone.
    assert (second["count"], second["median_seconds"], second["p90_seconds"]) == (1, DAY, DAY)
    assert reasons(second) == {}
    # v4 and patch have changes, odd has none.
    assert second["coverage"] == {"ratio": 2 / 3, "numerator": 2, "denominator": 3}


def test_lead_time_of_one_service_is_the_mean_of_the_middle_two_and_interpolated(
    client: FlaskClient,
) -> None:
    first, _ = (week["lead_time_for_changes"] for week in weeks(client, "&service=checkout"))

    # 0.5 h, 1 h, 3.25 h, 6 h, 12 h, 24 h: the middle is (3.25 h + 6 h) / 2 = 4.625 h; the 90th
    # percentile is at 0.9 x 5 = 4.5, halfway between 12 h and 24 h.
    assert (first["count"], first["median_seconds"], first["p90_seconds"]) == (
        6,
        4.625 * HOUR,
        18 * HOUR,
    )


def test_change_failure_rate(client: FlaskClient) -> None:
    first, second = (week["change_failure_rate"] for week in weeks(client))

    # Of v1, v2, v2 live, v3, bad, fix, first: v2 live by an incident, v3 by two and by the
    # rollback, bad by its status, first by the stated incident. Out: back, again, dropped.
    assert (first["numerator"], first["denominator"]) == (4, 7)
    assert first["ratio"] == pytest.approx(4 / 7)
    assert reasons(first) == {"cancelled": 1, "resync": 1, "rollback": 1}
    # Of v4, patch, bad live, bad2, odd: bad live and bad2. Out: open.
    assert (second["numerator"], second["denominator"], second["ratio"]) == (2, 5, 0.4)
    assert reasons(second) == {"unfinished": 1}


def test_failed_deployment_recovery_time(client: FlaskClient) -> None:
    first, second = (week["failed_deployment_recovery_time"] for week in weeks(client))

    # broken: Mar 1 22:00 → v1, Mar 2 00:00 = 2 h, exactly at `from`.
    # v3: Mar 4 10:00 → back, 14:00 = 4 h; its last incident was resolved at 15:00.
    # bad: Mar 5 10:00 → fix, 11:15 = 1.25 h; `outage` was resolved at 18:00.
    # v2 live: Mar 3 12:00 → its incident resolved, Mar 6 13:00 = 73 h.
    # In order 1.25, 2, 4, 73: the middle is 3 h; the 90th percentile is at 0.9 x 3 = 2.7, which is
    # 4 + 0.7 x 69 = 52.3 h.
    assert first["count"] == 4
    assert first["median_seconds"] == 3 * HOUR
    assert first["p90_seconds"] == pytest.approx(52.3 * HOUR)
    assert reasons(first) == {}
    # first: Mar 5 00:00 → odd, Mar 10 12:00 = 132 h: after the incident was detected.
    assert (second["count"], second["median_seconds"]) == (1, 132 * HOUR)
    # `too late`; bad2 recovers at `to`, which is out; bad live never.
    assert reasons(second) == {
        "incident_without_deployment": 1,
        "recovered_after_window": 1,
        "unrecovered": 1,
    }


def test_rework_rate(client: FlaskClient) -> None:
    first, second = (week["rework_rate"] for week in weeks(client))

    # back and fix, of the seven that succeeded; patch and odd, of three.
    assert (first["numerator"], first["denominator"]) == (2, 7)
    assert reasons(first) == {"cancelled": 1, "failed": 1, "resync": 1}
    assert (second["numerator"], second["denominator"]) == (2, 3)
    assert reasons(second) == {"failed": 2, "unfinished": 1}


def test_what_was_not_recovered_from_is_listed_with_its_age(
    client: FlaskClient, golden: dict[str, str]
) -> None:
    unrecovered = json_of(client.get(f"{URL}?{WINDOW}"))["unrecovered"]

    assert unrecovered["count"] == 2
    assert [
        (each["deployment_id"], each["age_seconds"], each["recovered_at"])
        for each in unrecovered["items"]
    ] == [
        # Mar 11 10:00 to Mar 16 00:00 = 4 d 14 h.
        (golden["bad live"], 110 * HOUR, None),
        # Mar 15 10:00 to Mar 16 00:00.
        (golden["bad2"], 14 * HOUR, "2026-03-16T00:00:00Z"),
    ]


def test_each_service_has_its_own_numbers(client: FlaskClient) -> None:
    services = json_of(client.get(f"{URL}?{WINDOW}"))["services"]
    search = next(each for each in services if each["service"] == "search")["periods"]

    # first in the first week, odd in the second.
    assert [week["deployment_frequency"]["numerator"] for week in search] == [1, 1]
    assert [week["lead_time_for_changes"]["median_seconds"] for week in search] == [DAY, None]
    assert [week["change_failure_rate"]["ratio"] for week in search] == [1.0, 0.0]
    assert [week["rework_rate"]["ratio"] for week in search] == [0.0, 1.0]
    assert search == weeks(client, "&service=search")


def test_one_environment_alone_has_its_own_first_deployments(client: FlaskClient) -> None:
    first, second = (week["lead_time_for_changes"] for week in weeks(client, "&environment=live"))

    # v2 live is the first ever there: its own change, 12:00 - 04:00 = 8 h; those of 1.0.0 (1) and
    # 1.1.0 (2) were there before.
    assert (first["count"], first["median_seconds"]) == (1, 8 * HOUR)
    assert reasons(first) == {"before_first_deployment": 3}
    # patch: committed at 08:00, deployed at 10:00.
    assert (second["count"], second["median_seconds"]) == (1, 2 * HOUR)


def test_nothing_at_all_is_null_and_never_zero(app: APIFlask) -> None:
    client = app.test_client()
    for week in weeks(client):
        assert week["deployment_frequency"]["per_day"] == 0.0  # there are days to divide by
        assert week["lead_time_for_changes"]["median_seconds"] is None
        assert week["lead_time_for_changes"]["p90_seconds"] is None
        assert week["lead_time_for_changes"]["coverage"]["ratio"] is None
        assert week["change_failure_rate"]["ratio"] is None
        assert week["failed_deployment_recovery_time"]["median_seconds"] is None
        assert week["rework_rate"]["ratio"] is None


def test_every_deployment_of_the_window_is_explained_once(
    client: FlaskClient, golden: dict[str, str]
) -> None:
    told = [item["id"] for item in explanations(client, WINDOW, limit=4)]

    # All but what finished before (old), at `to` (v5) and in staging; newest first, and broken,
    # which only recovers in the window, last.
    left_out = {golden[label] for label in ("old", "v5", "elsewhere")}
    assert len(told) == len(set(told))
    assert set(told) == {golden[label] for label in DEPLOYMENTS} - left_out
    assert [told[0], told[-1]] == [golden["open"], golden["broken"]]


def test_a_failure_is_explained(client: FlaskClient, golden: dict[str, str]) -> None:
    told = {item["id"]: item for item in explanations(client, WINDOW)}
    v2, v3 = told[golden["v2"]], told[golden["v3"]]

    assert v2["metrics"]["change_failure_rate"]["reason"] == "not_failed"
    assert v3["metrics"]["change_failure_rate"] == {
        "part": "counted",
        "reason": "incident",
        "explanation": "It succeeded, but an incident is attributed to it.",
        "numerator": 1,
        "denominator": 1,
    }
    assert [(each["id"], each["link"]) for each in v3["incidents"]] == [
        (golden["inferred"], "inferred"),
        (golden["stated"], "stated"),
    ]
    assert v3["rolled_back_by"] == golden["back"]
    assert [(each["version"], each["lead_seconds"]) for each in v3["changes"]] == [
        ("1.3.0", HOUR),
        ("1.3.0", -HOUR),
        ("1.2.1", -(6 * DAY - 2 * HOUR)),  # Mar 4 10:00 - Mar 10 08:00 = -142 h
    ]
    assert v3["recovery"] == {
        "at": "2026-03-04T14:00:00Z",
        "seconds": 4 * HOUR,
        "by": "deployment",
        "deployment_id": golden["back"],
        "period": {"from": "2026-03-02T00:00:00Z", "to": "2026-03-09T00:00:00Z"},
    }


def test_what_failed_before_the_window_has_a_part_in_recovery_only(
    client: FlaskClient, golden: dict[str, str]
) -> None:
    broken = explanations(client, WINDOW)[-1]

    assert broken["id"] == golden["broken"]
    assert broken["period"] is None
    assert broken["recovery"]["period"]["from"] == "2026-03-02T00:00:00Z"
    parts = {name: verdict["part"] for name, verdict in broken["metrics"].items()}
    assert parts.pop("failed_deployment_recovery_time") == "counted"
    assert set(parts.values()) == {"unconcerned"}


def test_an_incident_without_a_deployment_is_named(
    client: FlaskClient, golden: dict[str, str]
) -> None:
    loose = json_of(client.get(f"{URL}/explain?{WINDOW}"))["incidents_without_deployment"]

    assert loose["count"] == 1
    assert [each["id"] for each in loose["items"]] == [golden["too late"]]


def test_the_explanations_add_up_to_the_metrics(client: FlaskClient) -> None:
    items = explanations(client, WINDOW, limit=3)

    for week in weeks(client):
        here = {"from": week["from"], "to": week["to"]}
        finished = [item for item in items if item["period"] == here]
        for name, metric in week.items():
            if name in here:
                continue
            recovery = name == "failed_deployment_recovery_time"
            verdicts = [item["metrics"][name] for item in finished]
            if recovery:
                counted = [
                    item
                    for item in items
                    if item["recovery"] and item["recovery"]["period"] == here
                ]
                assert metric["count"] == len(counted)
                assert metric["count"] == sum(
                    item["metrics"][name]["numerator"] for item in counted
                )
            else:
                total = metric["count"] if "count" in metric else metric["numerator"]
                assert total == sum(verdict["numerator"] for verdict in verdicts)
            if "ratio" in metric:
                assert metric["denominator"] == sum(verdict["denominator"] for verdict in verdicts)
            excluded = Counter(
                verdict["reason"] for verdict in verdicts if verdict["part"] == "excluded"
            )
            if name == "lead_time_for_changes":
                excluded = Counter()
                for item in finished:
                    excluded.update(reasons({"excluded": item["excluded_changes"]}))
                new = [item["changes_known"] for item in finished if item["new_version"]]
                coverage = metric["coverage"]
                assert (coverage["numerator"], coverage["denominator"]) == (sum(new), len(new))
            told = reasons(metric)
            told.pop("incident_without_deployment", None)
            assert told == excluded


def test_the_history_decided_the_kinds_as_the_table_says(
    client: FlaskClient, golden: dict[str, str]
) -> None:
    labels = {identifier: label for label, identifier in golden.items()}
    told = {labels[item["id"]]: item["kind"] for item in explanations(client, WINDOW)}

    assert {label: kind for label, kind in told.items() if kind != "rollout"} == {
        "again": "resync",
        "back": "rollback",
        "fix": "hotfix",
        "patch": "hotfix",
        "odd": "hotfix",
    }
