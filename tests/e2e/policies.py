"""Whether the cluster enforces NetworkPolicies, and the ends of an environment's flows on it."""

import os
from collections.abc import Iterator
from contextlib import contextmanager

import pytest

from tests.e2e.environment import Environment
from tests.e2e.network import ELSEWHERE, LISTENED, Network, key_of
from tests.k8s.flows import API_SERVER, DNS, database, must_not_pass, must_pass, pod
from tests.k8s.network import End, Flow
from tools import overlay
from tools.cluster.kube import Kube

CLOSED = {"closed": "yes"}
DENY = {
    "apiVersion": "networking.k8s.io/v1",
    "kind": "NetworkPolicy",
    "metadata": {"name": "closed", "namespace": ELSEWHERE},
    "spec": {"podSelector": {"matchLabels": CLOSED}, "policyTypes": ["Ingress"]},
}
WATCHED = "monitoring"


def namespace(name: str) -> dict[str, object]:
    return {"apiVersion": "v1", "kind": "Namespace", "metadata": {"name": name}}


@contextmanager
def elsewhere(kube: Kube, image: str) -> Iterator[Network]:
    """Make the namespaces that the tables name beside the environment's, and remove them."""
    network = Network(kube, image)
    made = [
        name
        for name in (ELSEWHERE, WATCHED)
        if not kube.run("get", "namespace", name, "--ignore-not-found").strip()
    ]
    try:
        network.apply(*map(namespace, made), DENY)
        yield network
    finally:
        network.stop()
        if made:
            kube.run("delete", "namespace", *made, "--ignore-not-found", "--timeout=120s")


def demand_enforcement(network: Network) -> None:
    """Skip the test, or fail it if REQUIRE_POLICIES=1, on a cluster that enforces no policy."""
    open_, closed = End("", ELSEWHERE), End("", ELSEWHERE, CLOSED)
    network.start({key_of(open_): open_, key_of(closed): closed})
    flows = {
        "a pod to itself": Flow(closed, closed, min(LISTENED)),
        "a closed pod to an open one": Flow(closed, open_, min(LISTENED)),
        "an open pod to a closed one": Flow(open_, closed, min(LISTENED)),
    }
    wrong = network.judged(flows, flows.keys() - {"an open pod to a closed one"}, seconds=30)
    if wrong == {"an open pod to a closed one"}:
        why = "this cluster enforces no NetworkPolicy"
        if os.environ.get("REQUIRE_POLICIES") == "1":
            pytest.fail(f"{why}, and REQUIRE_POLICIES=1", pytrace=False)
        pytest.skip(why)
    assert wrong == set(), "what no policy is about gets through"


def realized(environment: Environment, network: Network) -> tuple[set[str], dict[str, Flow]]:
    """Put a pod in place of each end of the tables that can have one.

    Return the names of the flows that must get through, and all flows between those ends.
    """
    env, kube = environment.name, environment.kube
    api = next(iter(environment.ready_pods().values()))
    network.know(
        key_of(pod(env, "Deployment", overlay.NAME)),
        environment.namespace,
        api["metadata"]["name"],
        api["status"]["podIP"],
    )
    if environment.has_own_database:
        own = kube.get("pod", "postgres-0", "--namespace", environment.namespace)
        key = key_of(database(env))
        network.know(key, environment.namespace, "postgres-0", own["status"]["podIP"])
    network.addresses[key_of(API_SERVER)] = address(kube, "default", "kubernetes")
    network.addresses[key_of(DNS)] = address(kube, "kube-system", "kube-dns")
    passing, refused = must_pass(env), must_not_pass(env)
    every = passing | refused
    ends = {key_of(end): end for flow in every.values() for end in (flow.source, flow.destination)}
    network.start(
        {
            key: end
            for key, end in ends.items()
            if end.namespace not in ("", "kube-system") and key not in network.addresses
        }
    )
    found = {name: flow for name, flow in every.items() if is_real(network, env, flow)}
    return passing.keys() & found.keys(), found


def address(kube: Kube, where: str, service: str) -> str:
    """Return the address of a Service of the cluster."""
    return str(kube.get("service", service, "--namespace", where)["spec"]["clusterIP"])


def is_real(network: Network, env: str, flow: Flow) -> bool:
    """Tell whether a pod can try a flow, and somebody would answer if it got through."""
    source, destination = key_of(flow.source), key_of(flow.destination)
    # The image of a database has no Python to try with.
    can_try = source in network.pods and source != key_of(database(env))
    answers = {key_of(DNS): {53}, key_of(API_SERVER): {443}}.get(destination, LISTENED)
    if destination == key_of(pod(env, "Deployment", overlay.NAME)):
        answers = {8888}
    is_tcp = flow.protocol == "TCP" or destination == key_of(DNS)
    # What a pod sends itself never leaves it.
    is_apart = can_try and source != destination and destination in network.addresses
    return is_apart and flow.port in answers and is_tcp
