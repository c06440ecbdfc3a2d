"""The definitions behind the DORA metrics, one by one."""

from __future__ import annotations

import dataclasses
from collections.abc import Sequence
from datetime import UTC, datetime, timedelta
from typing import Any
from uuid import UUID

import pytest

from api.domain.changes.versions import KnownVersion
from api.domain.deployments.model import Kind, Status
from api.domain.dora.rules import failures, timelines
from api.domain.dora.rules.assessments import assess, failures_in
from api.domain.dora.rules.failures import recover
from api.domain.dora.rules.figures import Spread
from api.domain.dora.rules.first_deliveries import Success, deliveries_of
from api.domain.dora.rules.periods import Interval, Window, split
from api.domain.dora.rules.records import Deployment, History, Incident, Place
from tests.api.records import PROD, WINDOW, deployment, hour, incident

# Periods


@pytest.mark.parametrize(
    ("interval", "starts"),
    [
        (Interval.ALL, ["2026-02-27T12:00"]),
        (Interval.MONTH, ["2026-02-27T12:00", "2026-03-01T00:00"]),
        (Interval.WEEK, ["2026-02-27T12:00", "2026-03-02T00:00"]),
        (
            Interval.DAY,
            [
                "2026-02-27T12:00",
                "2026-02-28T00:00",
                "2026-03-01T00:00",
                "2026-03-02T00:00",
                "2026-03-03T00:00",
            ],
        ),
    ],
)
def test_periods_begin_at_midnight_on_monday_or_the_first(
    interval: Interval, starts: list[str]
) -> None:
    window = Window(datetime(2026, 2, 27, 12, tzinfo=UTC), datetime(2026, 3, 3, 6, tzinfo=UTC))
    periods = list(split(window, interval))

    assert [f"{period.since:%Y-%m-%dT%H:%M}" for period in periods] == starts
    assert periods[-1].until == window.until


# Statistics


@pytest.mark.parametrize(
    ("values", "expected"),
    [
        ([], None),
        ([7.0], 7.0),
        ([1.0, 2.0], 1.9),
        ([4.0, 1.0, 3.0, 2.0, 5.0], 4.6),  # 0.9 x 4 = 3.6: 4 + 0.6 x (5 - 4)
        ([float(value) for value in range(11)], 9.0),
    ],
)
def test_the_90th_percentile_is_interpolated_linearly(
    values: list[float], expected: float | None
) -> None:
    assert Spread.of(values).percentile_90 == pytest.approx(expected)


# Deliveries


def delivered(
    versions: Sequence[str], known: dict[str, KnownVersion], before: set[str] | None = None
) -> list[tuple[str, ...]]:
    successes = [
        Success(UUID(int=number), version, hour(number)) for number, version in enumerate(versions)
    ]
    return [each.versions for _, each in deliveries_of(successes, before or set(), known)]


def test_a_version_brings_the_versions_that_were_skipped() -> None:
    known = {version: KnownVersion(1, hour(0)) for version in ("1.0.0", "1.1.0", "1.2.0")}

    assert delivered(["1.0.0", "1.2.0", "1.1.0", "1.2.0"], known) == [
        ("1.0.0",),
        ("1.1.0", "1.2.0"),
        (),
        (),
    ]


def test_a_version_brings_them_even_if_no_change_of_its_own_is_known() -> None:
    known = {"1.1.0": KnownVersion(1, hour(0))}

    assert delivered(["1.2.0"], known, before={"1.0.0"}) == [("1.1.0",)]


def test_versions_that_are_no_semver_bring_what_was_committed_until_then() -> None:
    known = {each: KnownVersion(1, hour(at)) for each, at in {"c": 1, "a": 2, "b": 3}.items()}

    assert delivered(["c", "b", "a", "unknown"], known) == [("c",), ("a", "b"), (), ()]


def test_a_rollback_is_of_no_new_version_by_whatever_name() -> None:
    successes = [
        Success(UUID(int=1), "1.0.0", hour(1)),
        Success(UUID(int=2), "1.1.0", hour(2)),
        Success(UUID(int=3), "9fceb02", hour(3), is_rollback=True),
    ]

    found = [each.new_version for _, each in deliveries_of(successes, set(), {})]

    assert found == [True, True, False]


# Failures


def linked(incidents: list[Incident], *deployments: Deployment) -> dict[int, list[bool]]:
    links, _ = failures.attribute(incidents, timelines.by_place(deployments))
    return {key.int: [each.stated for each in found] for key, found in links.items()}


@pytest.mark.parametrize(("detected", "is_linked"), [(9.99, False), (10, True), (82, True)])
def test_an_incident_is_about_the_deployment_before_it_within_72_hours(
    detected: float, is_linked: bool
) -> None:
    assert linked([incident(1, detected)], deployment(7, "1", 10)) == (
        {7: [False]} if is_linked else {}
    )


def test_72_hours_and_a_moment_are_too_long() -> None:
    late = dataclasses.replace(incident(1, 82), detected_at=hour(82) + timedelta(microseconds=1))

    assert linked([late], deployment(7, "1", 10)) == {}


def test_an_incident_is_about_the_latest_attempt_that_is_no_resync() -> None:
    tried = [
        deployment(1, "1", 1),
        deployment(2, "2", 2, status=Status.FAILED),
        deployment(3, "1", 3, kind=Kind.RESYNC),
        deployment(4, "3", 4, status=Status.CANCELLED),
        deployment(5, "4", 5, place=Place("checkout", "live")),
        deployment(6, "5", 6, status=Status.RUNNING),
    ]

    assert linked([incident(1, 7), incident(2, 7, deployment_id=UUID(int=1))], *tried) == {
        1: [True],
        2: [False],
    }


def blamed(*deployments: Deployment) -> dict[int, int]:
    found = failures.rolled_back(timelines.by_place(deployments))
    return {key.int: rollback.id.int for key, rollback in found.items()}


def test_what_ran_is_blamed_for_a_rollback_not_what_came_after_its_target() -> None:
    history = [deployment(number, f"v{number}", number) for number in (1, 2, 3)]

    assert blamed(*history, deployment(4, "v1", 4, kind=Kind.ROLLBACK)) == {3: 4}


def instant(number: int, version: str, finished: float, **more: Any) -> Deployment:
    """Return a deployment that is reported without a start: it takes no time."""
    return deployment(number, version, finished, started_at=hour(finished), **more)


@pytest.mark.parametrize("back_at", [2, 3])
def test_a_rollback_without_a_duration_blames_what_ran_before_it(back_at: float) -> None:
    history = [instant(1, "v1", 1), instant(2, "v2", 2)]
    back = instant(3, "v1", back_at, kind=Kind.ROLLBACK)

    assert blamed(*history, back) == {2: 3}
    recovery = failures.recover(history[1], [], timelines.by_place([*history, back])[PROD])
    assert recovery is not None
    assert (recovery.by_deployment, recovery.seconds) == (back.id, (back_at - 2) * 3600)


def test_what_finishes_when_a_rollback_starts_was_live() -> None:
    history = [deployment(1, "v1", 1), deployment(2, "v2", 2)]
    back = deployment(3, "v1", 3, kind=Kind.ROLLBACK, started_at=hour(2))

    assert blamed(*history, back) == {2: 3}


def test_going_back_to_what_runs_after_a_failure_blames_nothing_that_succeeded() -> None:
    back = deployment(4, "v1", 4, kind=Kind.ROLLBACK, config_revision="c")

    assert (
        blamed(
            deployment(1, "v1", 1, config_revision="a"),
            deployment(2, "v2", 2, status=Status.FAILED, config_revision="b"),
            back,
        )
        == {}
    )
    # Without a failure, it went back to an earlier configuration of the same version.
    assert blamed(deployment(1, "v1", 1, config_revision="a"), back) == {1: 4}


@pytest.mark.parametrize("names", [("v1", "9fceb02"), ("9fceb02", "v1")])
def test_going_back_to_what_runs_by_another_name_blames_nothing(names: tuple[str, str]) -> None:
    ran, back = (
        deployment(number, name, number, commit="9fceb02d", kind=kind)
        for number, name, kind in ((1, names[0], Kind.ROLLOUT), (3, names[1], Kind.ROLLBACK))
    )

    assert blamed(ran, deployment(2, "v2", 2, status=Status.FAILED), back) == {}


def test_a_rollback_that_failed_or_began_before_blames_nothing() -> None:
    live = deployment(1, "v2", 2)

    assert blamed(live, deployment(2, "v1", 3, kind=Kind.ROLLBACK, status=Status.FAILED)) == {}
    assert blamed(live, deployment(2, "v1", 3, kind=Kind.ROLLBACK, started_at=hour(1))) == {}


# Recoveries


def recovered(
    failed: Deployment, incidents: list[Incident], *others: Deployment
) -> tuple[float, int | None] | None:
    links = [failures.Attribution(each, stated=True) for each in incidents]
    found = recover(failed, links, timelines.by_place([failed, *others])[PROD])
    if found is None:
        return None
    return found.seconds / 3600, found.by_deployment.int if found.by_deployment else None


def test_a_failure_ends_with_the_next_success_that_is_no_resync() -> None:
    failed = deployment(1, "2", 1, status=Status.FAILED)
    again = deployment(2, "1", 2, kind=Kind.RESYNC)
    worse = deployment(3, "3", 3, status=Status.FAILED)

    assert recovered(failed, [], again, worse) is None
    assert recovered(failed, [], again, worse, deployment(4, "4", 5)) == (4, 4)


def test_a_failure_ends_when_the_last_of_its_incidents_is_resolved() -> None:
    failed = deployment(1, "2", 1)

    assert recovered(failed, [incident(1, 2, 4), incident(2, 3, 3.5)]) == (3, None)
    assert recovered(failed, [incident(1, 2, 4), incident(2, 3)]) is None
    assert recovered(failed, [incident(1, 2, 4)], deployment(2, "3", 3)) == (2, 2)


def test_what_succeeded_before_the_incident_was_detected_did_not_end_it() -> None:
    failed = deployment(1, "2", 1)

    assert recovered(failed, [incident(1, 3, 9)], deployment(2, "3", 2)) == (8, None)


def test_incidents_resolved_before_it_finished_make_no_negative_time() -> None:
    early = incident(1, 0.5, 0.9, UUID(int=1))
    told = deployment(1, "1", 1)
    (failure,) = failures_in(History([told], [early]), WINDOW)
    found = assess(told, [], failure, None, [], WINDOW)

    assert found.verdicts.failed_deployment_recovery_time.reason == "resolved_before_finish"
    assert found.verdicts.change_failure_rate.numerator == 1
