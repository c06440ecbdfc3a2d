"""The order of versions."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

import pytest
from flask.testing import FlaskClient
from sqlalchemy import String, literal, select

from api.database import Database
from api.domain.changes import versions
from api.domain.kit.sql import is_version
from api.domain.kit.versions import same, spellings
from tests.api.conftest import Record, json_of

# The example of semver.org, section 11, and what follows it.
IN_ORDER = [
    "1.0.0-alpha",
    "1.0.0-alpha.1",
    "1.0.0-alpha.beta",
    "1.0.0-beta",
    "1.0.0-beta.2",
    "1.0.0-beta.11",
    "1.0.0-rc.1",
    "v1.0.0",
    "1.0.1+build.5",
    "1.2.0",
    "1.10.0",
    "2.0.0",
]
BEGIN = datetime(2026, 3, 1, tzinfo=UTC)


def test_semver_sorts_as_its_definition_says() -> None:
    assert sorted(sorted(IN_ORDER), key=versions.precedence) == IN_ORDER  # type: ignore[arg-type]
    assert sorted(IN_ORDER) != IN_ORDER


def test_a_sort_key_sorts_by_its_bytes_as_the_precedence_does() -> None:
    more = ["1.0.0-alpha-1", "1.0.0-alpha.1.1", "1.0.0-0", "1.0.0-a", f"1.{'9' * 100}.0", "v1.9.0"]
    for one in IN_ORDER + more:
        for other in IN_ORDER + more:
            places, keys = ([of(one), of(other)] for of in (versions.precedence, versions.sort_key))
            assert (places[0] < places[1]) == (keys[0] < keys[1])  # type: ignore[operator]
            assert (places[0] == places[1]) == (keys[0] == keys[1])
        assert versions.sort_key(one).isascii()


@pytest.mark.parametrize(
    "version", ["1", "1.2", "2026.03.01", "1.2.3.4", "main-4f2a", "1.02.3", "1.2.3-01"]
)
def test_what_is_no_semver(version: str) -> None:
    assert versions.precedence(version) is None
    assert not versions.sort_key(version)


def test_a_tag_is_the_version_it_names() -> None:
    assert versions.precedence("v1.2.3") == versions.precedence("1.2.3")


def test_other_versions_are_ordered_by_their_latest_change() -> None:
    order = versions.ordering({"b": BEGIN, "a": BEGIN + timedelta(days=1)}, ["c"])

    assert sorted("ab", key=lambda version: order(version) or ()) == ["b", "a"]
    assert order("c") is None


def test_one_that_is_no_semver_makes_all_go_by_their_changes() -> None:
    order = versions.ordering({"1.0.0": BEGIN + timedelta(days=1), "2.0.0": BEGIN}, ["hotfix"])

    assert sorted(["1.0.0", "2.0.0"], key=lambda version: order(version) or ())[0] == "2.0.0"


def test_a_leading_v_does_not_matter_to_versions_that_go_by_their_changes() -> None:
    order = versions.ordering({"v1.2": BEGIN, "1.3": BEGIN + timedelta(days=1), "1.2": BEGIN})

    assert order("1.2") == order("v1.2") == (BEGIN,)
    assert order("v1.3") == (BEGIN + timedelta(days=1),)


@pytest.mark.parametrize(
    ("one", "other", "is_same"),
    [
        ("v1.2.3", "1.2.3", True),
        ("v5", "5", True),
        ("1.2.3", "1.2.3", True),
        ("1.2.3", "1.2.4", False),
        ("vision", "ision", False),
        (None, None, True),
        (None, "1", False),
    ],
)
def test_a_leading_v_before_a_number_does_not_matter(
    one: str | None, other: str | None, is_same: bool
) -> None:
    assert same(one, other) is is_same
    if one and other:
        assert (other in spellings(one)) is is_same


@pytest.mark.usefixtures("client")
def test_the_database_compares_versions_by_the_same_rule(database: Database) -> None:
    some = ["1.2.3", "v1.2.3", "vv1.2.3", "vision", "ision", "v", "5", "v5", "1.2.4"]
    pairs = [(one, other) for one in some for other in some]
    compared = [is_version(literal(one, String), literal(other, String)) for one, other in pairs]

    with database.read() as connection:
        found = connection.execute(select(*compared)).one()

    assert [bool(each) for each in found] == [same(one, other) for one, other in pairs]


@pytest.mark.parametrize("asked", ["v1.2.3", "1.2.3"])
@pytest.mark.parametrize("told", ["v1.2.3", "1.2.3"])
def test_lists_find_a_version_by_each_of_its_spellings(
    client: FlaskClient, record: Record, told: str, asked: str
) -> None:
    record(version=told)
    record(version="1.2.30")
    change = {"service": "checkout", "commit": "a" * 40, "committed_at": "2026-03-01T12:00:00Z"}
    json_of(client.post("/api/v1/changes", json={"changes": [{**change, "version": told}]}))

    for resource in ("deployments", "changes"):
        (found,) = json_of(client.get(f"/api/v1/{resource}?version={asked}"))["items"]
        assert found["version"] == told


@pytest.mark.parametrize(
    "names", [("1.2", "1.3"), ("2026.03.01", "2026.03.08"), ("1.2.0", "1.3.0")]
)
def test_the_changes_of_a_tag_of_git_are_those_of_the_tag_of_its_image(
    client: FlaskClient, record: Record, names: tuple[str, str]
) -> None:
    changes = [
        {
            "service": "checkout",
            "commit": str(day) * 40,
            "committed_at": (BEGIN + timedelta(days=day)).isoformat(),
            "version": f"v{version}",
        }
        for day, version in enumerate(names)
    ]
    json_of(client.post("/api/v1/changes", json={"changes": changes}))
    for day, version in enumerate(names):
        ended = (BEGIN + timedelta(days=day, hours=1)).isoformat()
        record(version=version, environment="staging", finished_at=ended)
        if day == 0:
            record(version=version, environment="prod", finished_at=ended)

    (item,) = json_of(client.get("/api/v1/promotions/pending?from=staging&to=prod"))["items"]
    assert [each["version"] for each in item["changes"]] == [f"v{names[1]}"]

    window = "from=2026-03-01T00:00:00Z&to=2026-03-04T00:00:00Z&environment=staging"
    (period,) = json_of(client.get(f"/api/v1/metrics/dora?{window}"))["overall"]["periods"]
    found = period["lead_time_for_changes"]
    assert (found["count"], found["median_seconds"], found["coverage"]["ratio"]) == (2, 3600, 1)
