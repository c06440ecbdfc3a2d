"""What kind a deployment is, decided from its past; each row of a table is one rule."""

from __future__ import annotations

import itertools
import random
from datetime import UTC, datetime, timedelta
from typing import Any
from uuid import UUID

import pytest
from flask.testing import FlaskClient
from hypothesis import given
from hypothesis import strategies as st
from sqlalchemy import select

from api.database import Database
from api.domain.cells import Cell
from api.domain.deployments import kinds, reports, reviewing, surroundings
from api.domain.deployments.model import NewDeployment, Status
from api.domain.deployments.surroundings import Attempt
from api.tables import deployments, environments, incidents, services
from tests.api.conftest import Record, json_of

BEGIN = datetime(2026, 3, 1, tzinfo=UTC)
# Releases of which some have several names.
NAMES = ["1#9fceb02d", "9fceb02", "v1", "main#9fceb02d", "2#abcdef01", "abcdef01#abcdef01", "3"]


def attempt(number: int, told: str) -> Attempt:
    """Return the attempt that is written `version[@digest][/configuration][#commit][!]`.

    It failed if there is an exclamation mark.
    """
    status = Status.FAILED if told.endswith("!") else Status.SUCCEEDED
    rest, _, commit = told.rstrip("!").partition("#")
    rest, _, configuration = rest.partition("/")
    version, _, digest = rest.partition("@")
    return Attempt(
        UUID(int=number),
        BEGIN + timedelta(hours=number),
        status,
        version,
        digest or None,
        configuration or None,
        commit or None,
    )


def decided(*history: str, outages: tuple[kinds.Outage, ...] = ()) -> list[str]:
    attempts = [attempt(number, told) for number, told in enumerate(history)]
    return [str(kind) for kind in kinds.decide(attempts, outages)]


@pytest.mark.parametrize(
    ("history", "kind"),
    [
        (["1"], "rollout"),
        (["1", "2"], "rollout"),
        (["1", "1"], "resync"),
        (["1", "2", "3", "1"], "rollback"),
        (["1", "2", "1", "2"], "rollback"),
        # Back from what failed, though the version never stopped being the last success.
        (["1", "2!", "1"], "rollback"),
        # The second try of a rollback that failed is one, too.
        (["1", "2", "1!"], "rollback"),
        (["1", "2", "1!", "1"], "rollback"),
        # A tag of git and the tag of its image are one version.
        (["v1", "1"], "resync"),
        (["v1", "2", "1"], "rollback"),
        # A version that is a commit is whatever else the commit is called, not what shares it.
        (["9fceb02#9fceb02d", "1#9fceb02d"], "resync"),
        (["1#9fceb02d", "9fceb02d#9fceb02d"], "resync"),
        (["1#9fceb02d", "9fceb02"], "resync"),
        (["9fceb02d@a#9fceb02d", "1@b#9fceb02d"], "rollout"),
        (["9fceb02d/x#9fceb02d", "1/y#9fceb02d"], "rollout"),
        (["1-rc#9fceb02d", "1#9fceb02d"], "rollout"),
        (["main#9fceb02d", "1#9fceb02d"], "rollout"),
        (["9fceb0#9fceb02d", "1#9fceb02d"], "rollout"),
        # Nor does it matter by which name one goes back.
        (["1#9fceb02d", "2", "9fceb02d"], "rollback"),
        (["1#9fceb02d", "2", "9fceb02"], "rollback"),
        (["9fceb02", "2", "1#9fceb02d"], "rollback"),
        (["9fceb02@a", "2", "1@a#9fceb02d"], "rollback"),
        (["9fceb02@a", "2", "1@b#9fceb02d"], "rollout"),
        (["main#9fceb02d", "2", "1#9fceb02d"], "rollout"),
        (["1/x#9fceb02d", "1/y#9fceb02d", "9fceb02d/x"], "rollback"),
        # What failed is tried again: that is no resync, and nothing is rolled back.
        (["1", "2!", "2"], "rollout"),
        (["1!", "1"], "rollout"),
        (["1", "1!", "1"], "resync"),
        # It was tried there before and never ran.
        (["1", "2!", "3", "2"], "rollout"),
        # The same version rebuilt is another image; an unknown digest may be any.
        (["1@a", "1@b"], "rollout"),
        (["1@a", "1@b", "1@a"], "rollback"),
        (["1@a", "1"], "resync"),
        (["1", "1@a"], "resync"),
        # A configuration that is new, the same, or back.
        (["1/x", "1/y"], "rollout"),
        (["1/x", "1/x"], "resync"),
        (["1/x", "1/y", "1/x"], "rollback"),
        (["1/x", "1"], "resync"),
        # A reverted commit is a new revision of the configuration with an old version in it.
        (["1/x", "2/y", "1/z"], "rollback"),
    ],
    ids=lambda value: "→".join(value) if isinstance(value, list) else value,
)
def test_the_last_one_of_a_history(history: list[str], kind: str) -> None:
    assert decided(*history)[-1] == kind


@pytest.mark.parametrize(
    ("since", "until", "kind"),
    [
        (0.5, None, "hotfix"),
        (1.0, 2.0, "hotfix"),
        (0.0, 1.0, "rollout"),
        (1.5, None, "rollout"),
    ],
)
def test_what_begins_while_an_incident_is_open_is_a_hotfix(
    since: float, until: float | None, kind: str
) -> None:
    outage = (
        BEGIN + timedelta(hours=since),
        None if until is None else BEGIN + timedelta(hours=until),
    )

    assert decided("1", "2", outages=(outage,))[-1] == kind


def test_going_back_during_an_incident_is_a_rollback_and_a_resync_stays_one() -> None:
    outage = (BEGIN, None)

    assert decided("1", "2", "1", "1", outages=(outage,)) == [
        "hotfix",
        "hotfix",
        "rollback",
        "resync",
    ]


STORIES = st.lists(
    st.tuples(
        st.sampled_from("123"), st.sampled_from(["", "/x", "/y"]), st.sampled_from(["", "!"])
    ),
    min_size=1,
    max_size=9,
)


@given(story=STORIES)
def test_a_few_deployments_of_the_past_decide_as_all_of_them_do(
    story: list[tuple[str, str, str]],
) -> None:
    """The newest deployment is decided by what is looked up around it: a handful of rows."""
    history = [attempt(number, "".join(told)) for number, told in enumerate(story)]
    *past, last = history
    successes = [each for each in past if each.status == Status.SUCCEEDED]
    relevant = {
        *past[-1:],
        *successes[-1:],
        *[each for each in successes if each.same_application(last)][-1:],
        *[
            each
            for each in successes
            if each.same_application(last)
            and last.config_revision
            and each.config_revision == last.config_revision
        ][-1:],
    }
    few = [*sorted(relevant), last]

    assert list(kinds.decide(few, ()))[-1] == list(kinds.decide(history, ()))[-1]


@given(story=STORIES, data=st.data())
def test_one_more_deployment_changes_what_follows_until_a_success_and_what_has_its_version(
    story: list[tuple[str, str, str]], data: st.DataObject
) -> None:
    history = [attempt(number, "".join(told)) for number, told in enumerate(story)]
    late = data.draw(st.integers(0, len(history) - 1))
    without = history[:late] + history[late + 1 :]
    known = dict(zip(without, kinds.decide(without, ()), strict=True))
    then = dict(zip(history, kinds.decide(history, ()), strict=True))

    after = history[late + 1 :]
    successes = [each.started_at for each in after if each.status == Status.SUCCEEDED]
    affected = {
        each
        for each in after
        if not successes or each.started_at <= successes[0] or each.version == history[late].version
    }
    assert {each for each in without if known[each] != then[each]} <= affected


def test_late_reports_decide_as_if_they_had_come_in_time(database: Database) -> None:
    chance = random.Random(7)  # noqa: S311 (the same histories each time)
    stories: dict[str, list[Attempt]] = {}
    told: list[NewDeployment] = []
    for number in range(12):
        versions = [chance.choice(NAMES) + chance.choice(["", "!"]) for _ in range(9)]
        stories[f"service-{number}"] = history = [*itertools.starmap(attempt, enumerate(versions))]
        told += [report(f"service-{number}", each) for each in history]
    chance.shuffle(told)
    with database.write() as connection:
        for size in itertools.cycle([1, 1, 3]):
            batch, told = told[:size], told[size:]
            reports.record_all(connection, batch)
            if not told:
                break
        found = connection.execute(
            select(services.c.name, deployments.c.kind)
            .join_from(deployments, services)
            .order_by(deployments.c.started_at)
        ).all()

    for service, history in stories.items():
        kept = [kind for name, kind in found if name == service]
        assert kept == list(kinds.decide(history, ())), history


def report(service: str, told: Attempt) -> NewDeployment:
    return NewDeployment.model_validate(
        {
            "service": service,
            "environment": "prod",
            "version": told.version,
            "commit": told.commit,
            "status": told.status,
            "started_at": told.started_at,
        }
    )


def started(hour: int) -> dict[str, str]:
    at = BEGIN + timedelta(hours=hour)
    return {"started_at": at.isoformat(), "finished_at": (at + timedelta(minutes=5)).isoformat()}


def listed(client: FlaskClient) -> list[tuple[str, str]]:
    items = json_of(client.get("/api/v1/deployments"))["items"]
    return [(item["version"], item["kind"]) for item in reversed(items)]


def test_a_deployment_that_is_reported_late_decides_anew_what_followed_it(
    client: FlaskClient, record: Record
) -> None:
    for hour, version in ((1, "1"), (3, "1"), (4, "3")):
        record(version=version, **started(hour))
    assert listed(client) == [("1", "rollout"), ("1", "resync"), ("3", "rollout")]

    record(version="2", **started(2))

    assert listed(client) == [
        ("1", "rollout"),
        ("2", "rollout"),
        ("1", "rollback"),
        ("3", "rollout"),
    ]


@pytest.mark.parametrize("order", list(itertools.permutations(range(4)))[::5])
def test_the_order_of_reports_does_not_matter(
    client: FlaskClient, record: Record, order: tuple[int, ...]
) -> None:
    for hour in order:
        record(version=["1", "2", "1", "1"][hour], **started(hour))

    assert [kind for _, kind in listed(client)] == ["rollout", "rollout", "rollback", "resync"]


def test_more_than_a_few_later_deployments_are_decided_alike(
    client: FlaskClient, record: Record
) -> None:
    versions = ["1", "2", "3", "2", "2", "4", "1", "5"]
    for hour in reversed(range(len(versions))):
        record(version=versions[hour], **started(hour))

    assert [kind for _, kind in listed(client)] == decided(*versions)


@pytest.mark.parametrize("seed", range(6))
def test_whatever_is_late_changed_or_deleted_the_kinds_are_those_of_the_whole_history(
    client: FlaskClient, record: Record, seed: int
) -> None:
    chance = random.Random(seed)  # noqa: S311 (the same history each time)
    hours = chance.sample(range(24), 14)
    history: dict[int, tuple[str, str]] = {}
    for hour in hours:
        told, failed = chance.choice(NAMES), chance.random() < 0.3
        times = started(hour)
        if hour in hours[:4]:
            del times["finished_at"]
        status = "running" if hour in hours[:4] else "failed" if failed else "succeeded"
        version, _, commit = told.partition("#")
        known = record(version=version, commit=commit or None, status=status, **times)
        history[hour] = known["id"], told + "!" * failed
    for hour in hours[:4]:
        identifier, told = history[hour]
        ended = {"status": "failed" if told.endswith("!") else "succeeded"}
        json_of(client.patch(f"/api/v1/deployments/{identifier}", json=ended))
    for hour in hours[2:6]:
        identifier, _ = history.pop(hour)
        assert client.delete(f"/api/v1/deployments/{identifier}").status_code == 204

    assert [kind for _, kind in listed(client)] == decided(
        *(told for _, (_, told) in sorted(history.items()))
    )


def test_a_late_report_matters_to_few_of_the_later_ones(
    record: Record, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Up to the next success, and to those of the same version: however long the history is."""
    for hour, version in enumerate(["2", "3", "2", "4", "5", "6"], start=2):
        record(version=version, **started(hour))
    decided_again: list[str] = []
    of_each = surroundings.of_each

    def noted(connection: Any, places: Any) -> Any:
        decided_again.extend(place.attempt.version for place in places)
        return of_each(connection, places)

    monkeypatch.setattr(surroundings, "of_each", noted)
    record(version="2", **started(1))

    # First itself, before it is written.
    assert decided_again == ["2", "2", "2", "2"]


def test_what_the_sender_states_is_kept(client: FlaskClient, record: Record) -> None:
    record(version="1", **started(1))
    record(version="2", kind="hotfix", **started(3))
    record(version="1", **started(2))

    assert listed(client) == [("1", "rollout"), ("1", "resync"), ("2", "hotfix")]


def test_services_and_environments_do_not_mix(client: FlaskClient, record: Record) -> None:
    record(version="1", **started(1))
    record(version="1", environment="prod", **started(2))
    record(version="1", service="web", **started(3))

    assert {kind for _, kind in listed(client)} == {"rollout"}


def test_an_incident_makes_what_began_during_it_a_hotfix(
    database: Database, client: FlaskClient, record: Record
) -> None:
    record(version="1", **started(1))
    record(version="2", **started(3))
    with database.write() as connection:
        place: dict[str, Any] = {
            "service_id": connection.execute(services.select()).one().id,
            "environment_id": connection.execute(environments.select()).one().id,
        }
        times = {"detected_at": BEGIN + timedelta(hours=2), "created_at": BEGIN}
        connection.execute(
            incidents.insert(), {"id": UUID(int=1), "title": "down", **place, **times}
        )
        reviewing.review(connection, Cell(**place), reviewing.Altered(times["detected_at"]))

    assert listed(client) == [("1", "rollout"), ("2", "hotfix")]
