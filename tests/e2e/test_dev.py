"""The dev environment on the current cluster, from its first deployment to a changed setting.

`make e2e` deploys it before. What is recorded first is real: the rollout that has just been done.
"""

import subprocess
import tomllib
from collections.abc import Callable
from typing import Any

import pytest

from tests.e2e.conftest import ENV, NAMESPACE, Ingress, Operator
from tools import overlay
from tools.cluster.kube import Kube
from tools.cluster.portforward import port_forward
from tools.cluster.probe import get
from tools.command import ROOT

DEPLOYMENTS = "/api/v1/deployments"


def version() -> str:
    project = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))["project"]
    return str(project["version"])


def head() -> str:
    done = subprocess.run(
        ["git", "rev-parse", "HEAD"], cwd=ROOT, capture_output=True, text=True, check=False
    )
    if done.returncode:
        pytest.fail(f"no commit to record: {done.stderr.splitlines()[0]}", pytrace=False)
    return done.stdout.strip()


def rollout(operator: Operator, digest: str) -> dict[str, str]:
    """Return the rollout of the current revision, at the times that the cluster reports."""
    conditions = {each["type"]: each for each in operator.deployment()["status"]["conditions"]}
    assert conditions["Progressing"]["reason"] == "NewReplicaSetAvailable"
    return {
        "service": overlay.NAME,
        "environment": ENV,
        "version": version(),
        "image_digest": digest,
        "commit": head(),
        "status": "succeeded",
        "started_at": operator.replica_set()["metadata"]["creationTimestamp"],
        "finished_at": conditions["Progressing"]["lastUpdateTime"],
    }


@pytest.fixture(scope="session")
def recorded(operator: Operator, ingress: Ingress, digest: str) -> tuple[str, dict[str, Any]]:
    """The ledger's first entry: where it is, and how the ledger told it."""
    ingress.get("/readyz")
    answer = ingress.call("POST", DEPLOYMENTS, rollout(operator, digest))
    assert answer.status == 201, answer.body
    return answer.headers["Location"], answer.json


def test_every_pod_runs_the_digest_that_was_pushed(operator: Operator, digest: str) -> None:
    pods = operator.ready_pods().values()
    assert pods
    for pod in pods:
        spec = pod["spec"]
        images = [each["image"] for each in spec["initContainers"] + spec["containers"]]
        assert all(image.endswith(f"@{digest}") for image in images), images


def test_the_api_is_ready_through_a_port_forward(kube: Kube) -> None:
    with port_forward(kube, NAMESPACE, f"service/{overlay.NAME}", "http") as url:
        answer = get(f"{url}/readyz")
    assert answer.status == 200, answer.body


def test_the_api_is_ready_through_the_ingress(ingress: Ingress) -> None:
    assert ingress.get("/readyz").status == 200


def test_a_mistake_is_answered_with_a_problem_document(ingress: Ingress) -> None:
    answer = ingress.call("POST", DEPLOYMENTS, {"service": "slipway"})
    assert answer.status == 422
    assert answer.headers["Content-Type"].startswith("application/problem+json")


def test_the_rollout_that_was_just_done_is_recorded(
    recorded: tuple[str, dict[str, Any]], digest: str
) -> None:
    location, told = recorded
    assert location.endswith(f"{DEPLOYMENTS}/{told['id']}")
    assert (told["service"], told["environment"]) == ("slipway", "dev")
    assert (told["image_digest"], told["commit"]) == (digest, head())
    assert told["started_at"] <= told["finished_at"]


def test_what_was_recorded_outlives_every_pod(
    operator: Operator, ingress: Ingress, recorded: tuple[str, dict[str, Any]]
) -> None:
    location, told = recorded
    before = operator.ready_pods()
    operator.delete_pods()
    after = operator.ready_pods()
    assert after
    assert not before.keys() & after.keys(), "these are new pods"
    assert ingress.get(path(location)).json == told
    cells = ingress.get("/api/v1/matrix").json["cells"]
    cell = next(c for c in cells if (c["service"], c["environment"]) == ("slipway", "dev"))
    assert cell["deployment_id"] == told["id"]
    assert (cell["version"], cell["image_digest"]) == (told["version"], told["image_digest"])


def test_a_changed_setting_rolls_the_pods_and_changes_nothing_else(
    operator: Operator,
    ingress: Ingress,
    recorded: tuple[str, dict[str, Any]],
    deploy: Callable[..., None],
) -> None:
    location, told = recorded
    usual, pods = operator.configmaps(), operator.ready_pods()
    deploy("--set", "SLIPWAY_LOG_LEVEL=debug")
    changed = operator.configmaps()
    assert len(changed) == 1
    assert not changed & usual, "another value has another name"
    assert not operator.ready_pods().keys() & pods.keys()
    found = operator.kube.get("configmap", *changed, "--namespace", NAMESPACE)
    assert found["data"]["SLIPWAY_LOG_LEVEL"] == "debug"
    assert ingress.get(path(location)).json == told

    deploy()
    assert operator.configmaps() == usual, "the same values have the same name"
    assert ingress.get(path(location)).json == told


def path(location: str) -> str:
    """Return the path of a Location, which may be a whole URL."""
    return location[location.index(DEPLOYMENTS) :]
