"""What waits to be promoted, what it brings and what is in the way: on both databases."""

from __future__ import annotations

import random
from datetime import UTC, datetime, timedelta
from typing import Any
from uuid import UUID

import pytest
from flask.testing import FlaskClient
from sqlalchemy import select

from api.database import Database
from api.domain.changes.store import known_versions
from api.domain.changes.versions import ordering, sort_key
from api.domain.dora.kept import refreshing
from api.domain.kit.versions import spellings
from api.domain.promotions import commits
from api.tables import changes, environments, incidents, services, versions
from bench.plans import executed
from tests.api.conftest import Record, json_of, problem

URL = "/api/v1/promotions/pending"
DIGEST = "sha256:" + "4f" * 32
BEGIN = datetime(2026, 3, 1, tzinfo=UTC)


def pending(client: FlaskClient, upstream: str = "dev", downstream: str = "prod") -> Any:
    return json_of(client.get(URL, query_string={"from": upstream, "to": downstream}))["items"]


def at(day: int) -> dict[str, str]:
    return {"finished_at": (BEGIN + timedelta(days=day)).isoformat()}


def reasons(item: dict[str, Any]) -> list[str]:
    return [blocker["reason"] for blocker in item["blockers"]]


@pytest.fixture
def history(record: Record) -> None:
    """Checkout 1.0.0 in both environments, then 1.2.0 in dev."""
    record(version="1.0.0", image_digest="sha256:" + "10" * 32, **at(0))
    record(version="1.0.0", image_digest="sha256:" + "10" * 32, environment="prod", **at(1))
    record(version="1.2.0", image_digest=DIGEST, **at(2))


@pytest.mark.usefixtures("history")
def test_what_runs_upstream_only_is_pending(client: FlaskClient) -> None:
    (item,) = pending(client)

    assert (item["service"], item["version"], item["image_digest"]) == ("checkout", "1.2.0", DIGEST)
    assert item["replaces"]["version"] == "1.0.0"
    assert item["waiting_since"] == "2026-03-03T00:00:00Z"
    assert item["age_seconds"] > 0
    assert item["blockers"] == []


def test_what_is_the_same_in_both_is_not(client: FlaskClient, record: Record) -> None:
    record(version="1.0.0", image_digest=DIGEST)
    record(version="1.0.0", environment="prod")

    assert pending(client) == []


COMMIT = "9fceb02d0ae598e95dc970b74767f19372d61af8"


@pytest.mark.parametrize(
    ("upstream", "commit", "waits"),
    [
        (COMMIT, COMMIT, False),
        (COMMIT[:7], None, False),
        (COMMIT[:7], COMMIT, False),
        ("main", COMMIT, True),
        ("0" * 40, COMMIT, True),
        ("1.2.3-rc.1", COMMIT, True),
    ],
)
@pytest.mark.parametrize("backwards", [False, True])
def test_a_commit_that_was_tagged_later_is_what_the_tag_names(
    client: FlaskClient,
    record: Record,
    upstream: str,
    commit: str | None,
    waits: bool,
    backwards: bool,
) -> None:
    places = [("dev", upstream, commit), ("prod", "v1.2.3", COMMIT)]
    for environment, version, known in reversed(places) if backwards else places:
        record(environment=environment, version=version, commit=known)

    assert [item["version"] for item in pending(client)] == [upstream] * waits
    assert len(pending(client, "prod", "dev")) == waits


def test_the_same_version_with_another_image_is(client: FlaskClient, record: Record) -> None:
    record(version="1.0.0", image_digest=DIGEST)
    record(version="1.0.0", image_digest="sha256:" + "00" * 32, environment="prod")

    assert len(pending(client)) == 1


def test_a_service_that_was_never_downstream_is_pending(
    client: FlaskClient, record: Record
) -> None:
    record(version="1.0.0", image_digest=DIGEST)
    record(version="7", service="web", environment="prod")

    (item,) = pending(client)
    assert item["replaces"] is None


@pytest.mark.usefixtures("history")
def test_applying_it_again_does_not_make_it_younger(client: FlaskClient, record: Record) -> None:
    record(version="1.2.0", image_digest=DIGEST, **at(5))

    (item,) = pending(client)
    assert item["waiting_since"] == "2026-03-03T00:00:00Z"
    assert item["since"] == "2026-03-03T00:00:00Z"


@pytest.mark.usefixtures("history")
def test_it_says_which_folder_declares_the_environment_it_waits_for(client: FlaskClient) -> None:
    (item,) = pending(client)
    assert item["declared_in"] is None

    place = {"repository": "https://github.com/acme/gitops", "path": "clusters/eu"}
    release = {"version": "1.0.0", "image_digest": DIGEST}
    body = {**place, "config_revision": "8b13789", "services": {"checkout": release}}
    assert client.put("/api/v1/declarations/prod", json=body).status_code == 200

    (item,) = pending(client)
    assert item["declared_in"] == place


def add_changes(database: Database, *told: tuple[str, str | None]) -> None:
    """Add a change for each (commit, version), a day after the one before."""
    with database.write() as connection:
        service_id = connection.execute(
            select(services.c.id).where(services.c.name == "checkout")
        ).scalar_one()
        for number, (commit, version) in enumerate(told):
            row = {"id": UUID(int=number), "service_id": service_id, "commit": commit}
            committed_at = BEGIN + timedelta(days=number)
            row |= {"version": version, "committed_at": committed_at, "created_at": BEGIN}
            connection.execute(changes.insert(), row)


@pytest.mark.usefixtures("history")
@pytest.mark.parametrize("put_in_order", [True, False])
def test_it_brings_the_changes_of_every_version_in_between(
    client: FlaskClient, database: Database, put_in_order: bool
) -> None:
    add_changes(
        database,
        *(("aaaaaa0", "1.0.0"), ("aaaaaa1", "1.1.0"), ("aaaaaa2", "1.2.0")),
        *(("aaaaaa3", "1.3.0"), ("aaaaaa4", None), ("aaaaaa5", "1.0.1")),
    )
    if put_in_order:
        with database.write() as connection:
            refreshing.refresh(connection)

    (item,) = pending(client)

    brought = [change["commit"] for change in item["changes"]]
    assert (item["change_count"], brought) == (3, ["aaaaaa5", "aaaaaa2", "aaaaaa1"])


@pytest.mark.usefixtures("history")
@pytest.mark.parametrize("put_in_order", [True, False])
def test_one_version_without_an_order_makes_all_go_by_their_commits(
    client: FlaskClient, database: Database, put_in_order: bool
) -> None:
    told = ("aaaaaa0", "1.0.0"), ("aaaaaa1", "1.3.0"), ("aaaaaa2", "1.2.0"), ("aaaaaa3", "nightly")
    add_changes(database, *told)
    if put_in_order:
        with database.write() as connection:
            refreshing.refresh(connection)

    (item,) = pending(client)
    assert [change["commit"] for change in item["changes"]] == ["aaaaaa2", "aaaaaa1"]

    with database.write() as connection:
        connection.execute(changes.delete().where(changes.c.version == "nightly"))
    (item,) = pending(client)
    assert [change["commit"] for change in item["changes"]] == ["aaaaaa2"]


@pytest.mark.usefixtures("history")
def test_the_order_of_versions_is_computed_anew(client: FlaskClient, database: Database) -> None:
    add_changes(database, ("aaaaaa0", "1.0.0"), ("aaaaaa1", "1.2.0"))
    with database.write() as connection:
        connection.execute(versions.delete())
        refreshing.forget(connection)
        refreshing.refresh(connection)
        found = connection.execute(select(versions.c.version, versions.c.precedence)).all()

    assert {row.version: row.precedence for row in found} == {
        version: sort_key(version) for version in ("1.0.0", "1.2.0")
    }
    (item,) = pending(client)
    assert item["change_count"] == 1


def test_more_that_waits_takes_no_more_statements(
    client: FlaskClient, record: Record, database: Database
) -> None:
    numbers = []
    for service in ("api", "checkout", "search"):
        record(service=service, version="1.0.0", environment="prod", **at(0))
        record(service=service, version="1.1.0", **at(1))
        new = {"service": service, "commit": "a" * 40, "version": "1.1.0"}
        told = {"changes": [{**new, "committed_at": "2026-03-01T00:00:00Z"}]}
        assert client.post("/api/v1/changes", json=told).status_code < 300
        with executed(database.engine) as statements:
            assert [item["change_count"] for item in pending(client)][-1] == 1
        numbers.append(len(statements))

    assert len(set(numbers)) == 1


@pytest.mark.parametrize("seed", range(5))
def test_versions_that_go_by_their_commits_have_the_order_of_the_rule(
    database: Database, record: Record, seed: int
) -> None:
    """As `ordering` puts them: what is between two is looked up, and they are not compared."""
    chance = random.Random(seed)  # noqa: S311 (the same each time)
    names = ["1.0.0", "v1.0.0", "nightly", "blue", "green", "red", "main-7"]
    record(version="blue", **at(0))
    told = [chance.choice([*names, None]) for _ in range(chance.randrange(20))]
    add_changes(database, *((f"{number:040x}", name) for number, name in enumerate(told)))
    pairs = [(old, new) for old in [None, *names] for new in names]
    with database.read() as connection:
        (service_id,) = connection.execute(select(services.c.id)).scalars()
        asked = [
            {"number": number, "service_id": service_id, "old": old, "new": new}
            for number, (old, new) in enumerate(pairs)
        ]
        found = set(commits.between(connection, asked))
        known = known_versions(connection, service_id)

    order = ordering({name: of_it.latest for name, of_it in known.items()}, ["nightly"])
    for number, (old, new) in enumerate(pairs):
        bottom, top = order(old) if old else (), order(new)
        wanted = known.keys() & spellings(new)
        if bottom is not None and top is not None:
            wanted = {name for name in known if bottom < (order(name) or ()) <= top}
        assert {version for place, version in found if place == number} & known.keys() == wanted


def test_versions_of_unknown_order_bring_their_own_changes_alone(
    client: FlaskClient, record: Record, database: Database
) -> None:
    record(version="blue", environment="prod", **at(0))
    record(version="green", **at(1))
    add_changes(database, ("aaaaaa0", "red"), ("aaaaaa1", "green"))

    (item,) = pending(client)

    assert [change["commit"] for change in item["changes"]] == ["aaaaaa1"]


@pytest.mark.usefixtures("history")
def test_a_failure_after_it_is_in_the_way(client: FlaskClient, record: Record) -> None:
    failed = record(version="1.3.0", status="failed", **at(3))
    record(version="1.3.0", status="cancelled", **at(4))

    (item,) = pending(client)

    assert (item["version"], reasons(item)) == ("1.2.0", ["deployment_failed"])
    assert item["blockers"][0]["deployment_id"] == failed["id"]


@pytest.mark.usefixtures("history")
@pytest.mark.parametrize(
    ("environment", "resolved", "expected"),
    [("dev", False, ["incident_open"]), ("dev", True, []), ("prod", False, ["incident_open"])],
)
def test_an_open_incident_in_either_environment_blocks(
    client: FlaskClient,
    database: Database,
    environment: str,
    resolved: bool,
    expected: list[str],
) -> None:
    with database.write() as connection:
        row = {
            "id": UUID(int=1),
            "service_id": connection.execute(select(services.c.id)).scalar_one(),
            "environment_id": connection.execute(
                select(environments.c.id).where(environments.c.name == environment)
            ).scalar_one(),
            "title": "slow",
            "detected_at": BEGIN,
            "resolved_at": BEGIN if resolved else None,
            "created_at": BEGIN,
        }
        connection.execute(incidents.insert(), row)

    (item,) = pending(client)
    assert reasons(item) == expected


@pytest.mark.usefixtures("history")
@pytest.mark.parametrize("status", ["pending", "running"])
def test_a_deployment_under_way_downstream_is_in_the_way(
    client: FlaskClient, record: Record, status: str
) -> None:
    record(version="1.2.0", status=status, environment="prod")

    (item,) = pending(client)
    assert reasons(item) == ["deployment_running"]


@pytest.mark.usefixtures("history")
def test_a_canary_that_the_next_one_replaced_is_in_nobodys_way(
    client: FlaskClient, record: Record
) -> None:
    record(version="1.1.9", status="running", environment="prod", started_at="2026-03-02T12:00:00Z")
    record(version="1.0.1", environment="prod", finished_at="2026-03-02T12:30:00Z")

    (item,) = pending(client)
    assert "deployment_running" not in reasons(item)


@pytest.mark.usefixtures("history")
def test_what_was_rolled_back_downstream_is_in_its_own_way(
    client: FlaskClient, record: Record
) -> None:
    record(version="1.2.0", image_digest=DIGEST, environment="prod", **at(4))
    record(version="1.0.0", image_digest="sha256:" + "10" * 32, environment="prod", **at(5))

    (item,) = pending(client)
    assert (item["version"], reasons(item)) == ("1.2.0", ["replaced_before"])


@pytest.mark.parametrize(
    ("upstream", "downstream"),
    [
        ({"version": "1.2.0", "commit": "9fceb02d"}, {"version": "9fceb02"}),
        ({"version": "9fceb02"}, {"version": "1.2.0", "commit": "9fceb02d"}),
        ({"version": "9fceb02d"}, {"version": "1.2.0", "commit": "9fceb02d"}),
    ],
)
def test_what_was_tried_downstream_by_another_name_is_in_its_own_way(
    client: FlaskClient, record: Record, upstream: dict[str, str], downstream: dict[str, str]
) -> None:
    record(**upstream, image_digest=DIGEST, **at(1))
    there = {**downstream, "image_digest": DIGEST, "environment": "prod"}
    tried = record(**there, **at(2))
    record(version="1.0.0", environment="prod", **at(3))

    (item,) = pending(client)
    found = [(each["reason"], each["deployment_id"]) for each in item["blockers"]]
    assert found == [("replaced_before", tried["id"])]

    failed = record(**there, status="failed", **at(4))
    (item,) = pending(client)
    found = [(each["reason"], each["deployment_id"]) for each in item["blockers"]]
    assert found == [("deployment_failed", failed["id"]), ("replaced_before", tried["id"])]


@pytest.mark.usefixtures("history")
def test_what_was_rolled_back_without_a_known_digest_is_in_its_own_way(
    client: FlaskClient, record: Record
) -> None:
    """Two releases of one version are the same unless both digests are known and differ."""
    record(version="1.2.0", environment="prod", **at(4))
    record(version="1.0.0", environment="prod", **at(5))

    (item,) = pending(client)
    assert (item["version"], reasons(item)) == ("1.2.0", ["replaced_before"])


@pytest.mark.usefixtures("history")
def test_another_build_of_the_same_version_is_not_what_was_rolled_back(
    client: FlaskClient, record: Record
) -> None:
    record(version="1.2.0", image_digest="sha256:" + "20" * 32, environment="prod", **at(4))
    record(version="1.0.0", image_digest="sha256:" + "10" * 32, environment="prod", **at(5))

    (item,) = pending(client)
    assert (item["version"], reasons(item)) == ("1.2.0", [])


@pytest.mark.usefixtures("history")
def test_a_release_that_failed_downstream_is_blocked_until_another_try_succeeds(
    client: FlaskClient, record: Record
) -> None:
    failed = record(
        version="v1.2.0", image_digest=DIGEST, environment="prod", status="failed", **at(3)
    )

    (item,) = pending(client)
    assert [(each["reason"], each["deployment_id"]) for each in item["blockers"]] == [
        ("deployment_failed", failed["id"])
    ]
    record(version="1.2.0", image_digest=DIGEST, environment="prod", **at(4))
    assert pending(client) == []


@pytest.mark.usefixtures("history")
@pytest.mark.parametrize(
    ("digest", "expected"), [("sha256:" + "20" * 32, []), (None, ["deployment_failed"])]
)
def test_that_another_build_of_it_failed_downstream_is_not_in_its_way(
    client: FlaskClient, record: Record, digest: str | None, expected: list[str]
) -> None:
    record(version="1.2.0", image_digest=digest, environment="prod", status="failed", **at(3))

    (item,) = pending(client)
    assert (item["version"], reasons(item)) == ("1.2.0", expected)


def test_an_older_version_is_a_downgrade(client: FlaskClient, record: Record) -> None:
    record(version="1.9.0", image_digest=DIGEST, **at(1))
    newer = record(version="v1.10.0", image_digest=DIGEST[:-1] + "0", environment="prod", **at(2))

    (item,) = pending(client)
    assert [(each["reason"], each["deployment_id"]) for each in item["blockers"]] == [
        ("downgrade", newer["id"])
    ]


def test_a_tag_of_git_and_a_tag_of_an_image_are_one_version(
    client: FlaskClient, record: Record
) -> None:
    record(version="v1.2.3", **at(1))
    record(version="1.2.3", environment="prod", **at(2))

    assert pending(client) == []


def test_an_image_that_got_another_tag_waits_no_longer(client: FlaskClient, record: Record) -> None:
    record(version="1.2.3-rc.1", image_digest=DIGEST, **at(1))
    record(version="1.2.2", image_digest="sha256:" + "10" * 32, environment="prod", **at(1))
    assert [item["version"] for item in pending(client)] == ["1.2.3-rc.1"]

    record(version="1.2.3", image_digest=DIGEST, environment="prod", **at(2))

    assert pending(client) == []


def test_without_a_digest_it_is_blocked(client: FlaskClient, record: Record) -> None:
    record(version="1.0.0")
    record(version="7", service="web", environment="prod")

    (item,) = pending(client)
    assert reasons(item) == ["digest_unknown"]


@pytest.mark.parametrize(
    ("query", "parameter"),
    [
        ({"from": "dev"}, "to"),
        ({"to": "dev"}, "from"),
        ({"from": "dev", "to": "dev"}, "to"),
        ({"from": "dev", "to": "moon"}, "to"),
        ({"from": "moon", "to": "dev"}, "from"),
        ({"from": "dev", "to": "a b"}, "to"),
    ],
)
def test_two_environments_are_needed(
    client: FlaskClient, record: Record, query: dict[str, str], parameter: str
) -> None:
    record()

    errors = problem(client.get(URL, query_string=query), 422)["errors"]
    assert [error["parameter"] for error in errors] == [parameter]  # type: ignore[attr-defined]
