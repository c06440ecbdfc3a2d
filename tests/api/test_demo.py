"""The demo history: the same for the same day, and one that could have happened."""

from __future__ import annotations

from collections import Counter
from datetime import UTC, datetime, timedelta

from api import demo
from api.domain.types import Kind, Status

NOW = datetime(2026, 11, 20, 12, 30, tzinfo=UTC)


def test_it_is_the_same_for_the_same_moment() -> None:
    assert demo.history(NOW) == demo.history(NOW)


def test_it_covers_six_services_three_environments_and_ninety_days() -> None:
    told = demo.history(NOW)
    starts = [new.started_at for new in told if new.started_at]

    assert len({new.service for new in told}) == 6
    assert {new.environment for new in told} == {"dev", "staging", "prod"}
    assert starts == sorted(starts)
    assert timedelta(days=85) < NOW - starts[0] <= timedelta(days=91)
    assert all(new.finished_at and new.finished_at <= NOW for new in told)


def test_some_deployments_fail_and_are_rolled_back() -> None:
    told = demo.history(NOW)
    statuses = Counter(new.status for new in told if new.environment == "prod")
    kinds = Counter(new.kind for new in told)

    assert 0.03 < statuses[Status.FAILED] / statuses.total() < 0.25
    assert kinds[Kind.ROLLBACK] >= 3
    assert kinds[Kind.HOTFIX] >= 1


def test_a_version_is_one_image_and_reaches_prod_only_through_staging() -> None:
    told = demo.history(NOW)
    images = {(new.service, new.version, new.image_digest) for new in told}
    assert len(images) == len({(service, version) for service, version, _ in images})

    seen: set[tuple[str, str, str]] = set()
    for new in told:
        if new.environment == "prod" and new.kind is Kind.ROLLOUT:
            assert (new.service, "staging", new.version) in seen
        seen.add((new.service, new.environment, new.version))


def test_a_rollback_goes_back_to_what_succeeded_there_before() -> None:
    good: set[tuple[str, str]] = set()
    for new in demo.history(NOW):
        if new.environment != "prod":
            continue
        if new.kind is Kind.ROLLBACK:
            assert (new.service, new.version) in good
        if new.status is Status.SUCCEEDED:
            good.add((new.service, new.version))
