"""Argo CD deploys the overlays from git by itself, and tells the ledger of each sync, once.

In this order, each test on what the one before has left. What was measured is printed at the end.
"""

import json
import time
from collections.abc import Callable
from typing import Any

import pytest

from tests.controllers.argocd import ArgoCD
from tests.controllers.ledger import Ledger
from tests.controllers.repository import Repository
from tests.controllers.waiting import until
from tests.e2e.conftest import required
from tests.e2e.environment import Environment
from tests.e2e.images import Images
from tools.cluster.kube import Kube

OLD, NEW, BAD = "1.0.0", "1.1.0", "1.2.0"
# Pulling images included; a bad release is reported after the progress deadline of 110 s.
SYNC, FAILURE, NEWS = 150, 240, 30
SELF_HEALED = ("dev", "staging")
Environments = dict[str, Environment]
Expect = Callable[..., dict[str, Any]]


@pytest.fixture(scope="module")
def expected() -> dict[str, list[tuple[str, str, str]]]:
    """Return what the ledger is to know of each environment so far: versions, kinds, statuses."""
    return {"dev": [], "staging": [], "prod": []}


@pytest.fixture
def expect(ledger: Ledger, expected: dict[str, list[tuple[str, str, str]]]) -> Expect:
    """Wait until the ledger knows of one more deployment, and of no others; return that one."""

    def wait(env: str, version: str, kind: str, status: str, seconds: float) -> dict[str, Any]:
        expected[env].append((version, kind, status))

        def told() -> bool:
            known = [(e["version"], e["kind"], e["status"]) for e in ledger.deployments(env)]
            assert known == expected[env], "\n  ".join(
                [f"the ledger knows {known}, told", *ledger.told(env)]
            )
            return True

        until(f"{env}: {version} is a {kind} that {status}", told, seconds)
        return ledger.deployments(env)[-1]

    return wait


def test_three_overlays_come_up(
    controller: ArgoCD,
    environments: Environments,
    repository: Repository,
    images: Images,
    expect: Expect,
    report: list[str],
) -> None:
    for env, each in environments.items():
        repository.pin(env, images.name, OLD, required("IMAGE_DIGEST"))
        if not each.has_own_database:
            host = f"postgres.{each.database_namespace}.svc.cluster.local"
            repository.set(env, SLIPWAY_DATABASE_HOST=host, SLIPWAY_DATABASE_SSLMODE="disable")
    commit = repository.push("Release 1.0.0 everywhere")
    started = time.monotonic()
    controller.apply()
    until("there is an Application of prod", lambda: controller.exists("prod"), SYNC)
    controller.await_state("prod", "OutOfSync", None, SYNC)
    for env in SELF_HEALED:
        controller.give_address(env)
    for env in SELF_HEALED:
        deployment = expect(env, OLD, "rollout", "succeeded", SYNC)
        assert (deployment["actor"], deployment["config_revision"]) == (None, commit)
        assert deployment["image_digest"] == required("IMAGE_DIGEST")
        assert deployment["commit"] is None
    pods = controller.kube.get("pods", "--namespace", environments["prod"].namespace)
    assert pods["items"] == []
    controller.sync("prod", "ada")
    controller.give_address("prod")
    assert expect("prod", OLD, "rollout", "succeeded", SYNC)["actor"] == "ada"
    for env in environments:
        controller.await_state(env, "Synced", "Healthy", NEWS)
    seconds = time.monotonic() - started
    report.append(f"argocd: three overlays came up and were in the ledger after {seconds:.0f} s")


def test_a_release_and_its_promotion_are_rollouts(
    controller: ArgoCD, repository: Repository, images: Images, expect: Expect, report: list[str]
) -> None:
    repository.pin("dev", images.name, NEW, images.other())
    repository.push("Release 1.1.0")
    controller.refresh()
    expect("dev", NEW, "rollout", "succeeded", SYNC)

    repository.promote("dev", "staging")
    commit = repository.push("Promote 1.1.0 to staging")
    started = time.monotonic()
    controller.refresh()
    deployment = expect("staging", NEW, "rollout", "succeeded", SYNC)
    assert deployment["config_revision"] == commit
    assert deployment["image_digest"] == images.other()
    seconds = time.monotonic() - started
    report.append(f"argocd: a promotion commit was healthy and in the ledger after {seconds:.0f} s")


def test_a_change_by_hand_heals_where_git_is_followed(
    kube: Kube, controller: ArgoCD, environments: Environments, expect: Expect, report: list[str]
) -> None:
    started = time.monotonic()
    meddle(kube, environments["staging"])
    until("it is as in git", lambda: is_as_in_git(kube, environments["staging"]), NEWS)
    seconds = time.monotonic() - started
    report.append(f"argocd: staging healed {seconds:.0f} s after a change by hand")
    expect("staging", NEW, "resync", "succeeded", SYNC)
    controller.await_state("staging", "Synced", "Healthy", NEWS)


def test_prod_shows_drift_and_waits_for_a_person(
    kube: Kube,
    controller: ArgoCD,
    environments: Environments,
    repository: Repository,
    expect: Expect,
) -> None:
    repository.promote("staging", "prod")
    commit = repository.push("Promote 1.1.0 to prod")
    controller.refresh()
    controller.await_state("prod", "OutOfSync", "Healthy", NEWS)
    controller.sync("prod", "ada", commit)
    expect("prod", NEW, "rollout", "succeeded", SYNC)
    controller.await_state("prod", "Synced", "Healthy", NEWS)

    meddle(kube, environments["prod"])
    controller.await_state("prod", "OutOfSync", "Healthy", NEWS)
    controller.sync("prod", "ada", commit)
    expect("prod", NEW, "resync", "succeeded", SYNC)
    controller.await_state("prod", "Synced", "Healthy", NEWS)
    assert is_as_in_git(kube, environments["prod"])


def test_a_service_alone_is_no_deployment(controller: ArgoCD, ledger: Ledger) -> None:
    known = [each["id"] for each in ledger.deployments("prod")]
    told = len(ledger.events("projected"))
    controller.sync("prod", "ada", only="Service")
    # By what runs it is known which sync that was a part of, once the old pods are gone.
    until("Argo CD has told of it", lambda: len(ledger.events("projected")) > told, SYNC)
    assert [each["id"] for each in ledger.deployments("prod")] == known


def test_a_bad_release_has_failed_and_a_known_revision_is_a_rollback(
    controller: ArgoCD,
    ledger: Ledger,
    repository: Repository,
    images: Images,
    expect: Expect,
    report: list[str],
) -> None:
    repository.pin("dev", images.name, BAD, images.crash())
    repository.push("Release 1.2.0")
    started = time.monotonic()
    controller.refresh()

    first = ledger.deployments("prod")[0]["config_revision"]
    controller.sync("prod", "grace", first)
    deployment = expect("prod", OLD, "rollback", "succeeded", SYNC)
    assert (deployment["config_revision"], deployment["actor"]) == (first, "grace")

    expect("dev", BAD, "rollout", "failed", FAILURE)
    seconds = time.monotonic() - started
    report.append(f"argocd: a bad release was in the ledger as failed after {seconds:.0f} s")


def test_a_revert_is_a_rollback(controller: ArgoCD, repository: Repository, expect: Expect) -> None:
    commit = repository.revert()
    controller.refresh()
    assert expect("dev", NEW, "rollback", "succeeded", SYNC)["config_revision"] == commit


def test_no_notification_was_lost_or_misunderstood(ledger: Ledger, report: list[str]) -> None:
    wrong = [each for outcome in ("failed", "unmapped") for each in ledger.events(outcome)]
    assert wrong == []
    projected, left_out = ledger.events("projected"), ledger.events("not_ours")
    told = {key for each in projected for key in ledger.get(f"events/{each['id']}")["deployments"]}
    known = {each["id"] for each in ledger.items("deployments?limit=200")}
    assert told == known
    report.append(
        f"argocd: {len(projected)} notifications made {len(known)} deployments,"
        f" {len(left_out)} told nothing"
    )


HISTORY = 3


def meddle(kube: Kube, environment: Environment) -> None:
    """Change an environment by hand, as somebody in a hurry does; no pod is restarted by it."""
    patch = json.dumps({"spec": {"revisionHistoryLimit": HISTORY + 1}})
    scope = ("--namespace", environment.namespace)
    kube.run("patch", "deployment", "slipway", *scope, "--type", "merge", "--patch", patch)


def is_as_in_git(kube: Kube, environment: Environment) -> bool:
    deployment = kube.get("deployment", "slipway", "--namespace", environment.namespace)
    return bool(deployment["spec"]["revisionHistoryLimit"] == HISTORY)
