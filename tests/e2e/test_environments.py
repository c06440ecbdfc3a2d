"""Every overlay on the current cluster, through what production does to it.

Each environment is set up, tested in this order, and removed: all of them at once may be more than
a laptop's cluster holds. Dev, which `make deploy` made, stays. What was measured is printed at the
end, a line for each part, and kept in .build/e2e.txt.
"""

import os
import subprocess
import time
from collections.abc import Iterator
from dataclasses import replace

import pytest

from tests.e2e.conftest import DEPLOYMENT
from tests.e2e.environment import Environment
from tests.e2e.images import Images
from tests.e2e.load import DEPLOYMENTS
from tests.e2e.policies import demand_enforcement, elsewhere, realized
from tools import overlay
from tools.cluster.deploy import LOCAL
from tools.cluster.kube import Kube
from tools.cluster.portforward import port_forward
from tools.cluster.probe import INGRESS, get

REQUESTS = 10_000


@pytest.fixture(scope="module", params=["dev", "staging", "prod"])
def environment(
    request: pytest.FixtureRequest, kube: Kube, images: Images, digest: str
) -> Iterator[Environment]:
    url = os.environ.get("INGRESS_URL") or INGRESS
    environment = Environment(kube, request.param, images.name, url)
    if request.param != LOCAL and environment.exists():
        pytest.fail(f"{environment.namespace} is there already: it is not ours to test in")
    try:
        environment.set_up()
        environment.must_deploy(digest)
        environment.await_pods(*environment.sizes, seconds=120)
        environment.ingress.get("/readyz")  # the ingress controller learns of it a moment late
        yield environment
    finally:
        if request.param != LOCAL:
            environment.remove()


def test_it_is_ready_through_a_port_forward_and_the_ingress(environment: Environment) -> None:
    service = f"service/{overlay.NAME}"
    with port_forward(environment.kube, environment.namespace, service, "http") as url:
        assert get(f"{url}/readyz").status == 200
    assert environment.ingress.get("/readyz").status == 200


def test_a_stranger_writes_nothing_and_reads_in_dev_alone(environment: Environment) -> None:
    stranger = replace(environment.ingress, token=None)
    written = stranger.call("POST", DEPLOYMENTS, {"service": "a", "environment": "b"})
    read = stranger.call("GET", DEPLOYMENTS)
    assert written.status == 401
    assert read.status == (200 if environment.name == LOCAL else 401)
    assert environment.ingress.call("GET", DEPLOYMENTS).status == 200


def test_a_pod_that_breaks_the_restricted_standard_is_refused(environment: Environment) -> None:
    done = subprocess.run(
        environment.kube.argv(
            *("run", "intruder", "--namespace", environment.namespace),
            *("--image", "busybox", "--privileged", "--dry-run=server"),
        ),
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode != 0
    assert 'violates PodSecurity "restricted' in done.stderr


def test_what_is_declared_gets_through_and_nothing_else(
    environment: Environment, report: list[str]
) -> None:
    """On a network that enforces the policies: between every two ends that a pod can stand for."""
    image = next(iter(environment.ready_pods().values()))["spec"]["containers"][0]["image"]
    with elsewhere(environment.kube, image) as network:
        demand_enforcement(network)
        passing, flows = realized(environment, network)
        wrong = network.judged(flows, passing, seconds=30)

    report.append(
        f"{environment.name}: network: {len(passing)} declared flows got through,"
        f" {len(flows) - len(passing)} others were refused"
    )
    assert wrong == set()
    assert "API to DNS" in passing
    assert len(flows) - len(passing) > 20


def test_no_request_fails_while_it_is_rolled_out(
    environment: Environment, images: Images, digest: str, report: list[str]
) -> None:
    other = images.other()
    started = time.monotonic()
    rollouts = 0
    with environment.load() as load:
        for image, *options in (
            (other,),
            (digest,),
            (digest, "--set", "SLIPWAY_LOG_LEVEL=warning"),
            (other, "--set", "SLIPWAY_LOG_LEVEL=warning"),
            (digest,),
        ):
            environment.must_deploy(image, *options)
            rollouts += 1
        load.reach(REQUESTS)
    seconds = time.monotonic() - started

    report.append(
        f"{environment.name}: {rollouts} rollouts under load: {load.requests} requests,"
        f" {len(load.written)} of them writes, {len(load.failures)} failed, {seconds:.0f} s"
    )
    assert load.failures == []
    assert load.requests >= REQUESTS
    stored = set().union(*(environment.stored(f"load-{n}") for n in range(load.threads)))
    assert set(load.written) <= stored, "what was acknowledged is there"


def test_a_drain_honours_the_disruption_budget(environment: Environment, report: list[str]) -> None:
    """On one node the replacement has nowhere to go, so the second eviction must be refused."""
    if not environment.has("PodDisruptionBudget"):
        pytest.skip(f"{environment.name} has one pod, and no budget for it")
    least = environment.sizes[0] - 1
    node = environment.node()
    with environment.load(per_second=20) as load:
        with environment.draining(node) as drain:
            refused = drain.until("would violate the pod's disruption budget", seconds=60)
            serving = len(environment.ready_pods())
        # The node takes pods again: what was refused now goes on.
        drain.wait(seconds=180)
        environment.await_pods(*environment.sizes, seconds=120)

    report.append(
        f"{environment.name}: drain: refused after {refused:.0f} s with {serving} pods serving;"
        f" {load.requests} requests, {len(load.failures)} failed"
    )
    assert serving >= least
    assert load.failures == []


def test_load_scales_it_out_and_its_end_brings_it_back(
    environment: Environment, digest: str, report: list[str]
) -> None:
    least, most = environment.sizes
    if least == most:
        pytest.skip(f"{environment.name} has one size")
    environment.shorten_scale_down()
    with environment.load(per_second=5000, threads=8) as load:  # as fast as it answers
        out = environment.await_pods(least + 1, most, seconds=180)
        cores, mebibytes = environment.peak_usage(seconds=45)
    back = environment.await_pods(least, least, seconds=240)
    environment.must_deploy(digest)

    report.append(
        f"{environment.name}: scaled out after {out} s of load, back {back} s after its end;"
        f" {load.requests} requests, {len(load.failures)} failed;"
        f" at most {cores:.2f} cores and {mebibytes:.0f} MiB a pod"
    )
    assert load.failures == []


@pytest.mark.parametrize("fault", ["crash", "broken_migration"])
def test_a_bad_release_is_reported_and_reverted_while_the_old_one_serves(
    environment: Environment, images: Images, digest: str, report: list[str], fault: str
) -> None:
    bad: str = getattr(images, fault)()
    before = set(environment.ready_pods())
    with environment.load(per_second=20) as load:
        started = time.monotonic()
        done = environment.deploy(bad)
        reported = time.monotonic() - started
        serving = set(environment.ready_pods())
        environment.must_deploy(digest)

    report.append(
        f"{environment.name}: {fault}: reported after {reported:.0f} s;"
        f" {load.requests} requests, {len(load.failures)} failed"
    )
    assert done.returncode == 1
    assert "the rollout of deployment/slipway" in done.stderr
    assert reported < 120
    assert before <= serving, "the old pods served all the while"
    assert load.failures == []
    status = environment.kube.get(DEPLOYMENT, "--namespace", environment.namespace)["status"]
    assert status["updatedReplicas"] == status["readyReplicas"] == status["replicas"]
