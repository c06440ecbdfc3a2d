"""The component that serves the API by a route, enabled as its README says."""

import tempfile
from functools import cache
from pathlib import Path

import pytest

from tests.k8s.flows import PORT
from tests.k8s.network import End, Flow, allowed
from tests.k8s.readme import blocks, enable
from tools import overlay, project

BESIDE, INSTEAD, LET_IN = blocks("gateway")
PARENT = {"name": "public", "namespace": "gateways"}
Objects = list[overlay.Object]


def rendered(path: Path) -> Objects:
    return overlay.objects(overlay.render(path))


@cache
def rendered_beside(env: str) -> Objects:
    with tempfile.TemporaryDirectory() as folder:
        return rendered(enable(env, Path(folder), BESIDE))


@pytest.fixture
def beside(env: str) -> Objects:
    """Return the objects of an overlay with a route beside its Ingress: do not change them."""
    return rendered_beside(env)


@pytest.fixture
def instead(env: str, tmp_path: Path) -> Objects:
    path = enable(env, tmp_path, INSTEAD)
    kustomization = path / "kustomization.yaml"
    lines = kustomization.read_text(encoding="utf-8")
    kustomization.write_text(
        lines.replace("- path: host.yaml\n  target:\n    kind: Ingress\n    name: slipway\n", "")
    )
    return rendered(path)


def spec(among: Objects) -> overlay.Object:
    found: overlay.Object = overlay.find(among, "HTTPRoute")["spec"]
    return found


def test_beside_the_ingress_it_has_the_same_host(env: str, beside: Objects) -> None:
    assert spec(beside)["hostnames"] == [project.hosts()[env]]
    assert overlay.host(beside) == project.hosts()[env]
    assert spec(beside)["parentRefs"] == [PARENT]


def test_it_leads_to_the_port_of_the_service(beside: Objects) -> None:
    service = overlay.find(beside, "Service")
    (rule,) = spec(beside)["rules"]
    assert rule["matches"] == [{"path": {"type": "PathPrefix", "value": "/"}}]
    assert rule["backendRefs"] == [
        {"name": service["metadata"]["name"], "port": service["spec"]["ports"][0]["port"]}
    ]


def test_all_else_is_as_it_was(env: str, beside: Objects) -> None:
    assert [each for each in beside if each["kind"] != "HTTPRoute"] == overlay.rendered(env)


def test_instead_of_the_ingress_it_has_the_host_that_is_named(env: str, instead: Objects) -> None:
    host = project.hosts()["prod"]  # that of the README, which `make init` rewrites
    assert overlay.host(instead) == host
    assert spec(instead)["hostnames"] == [host]
    was = [each for each in overlay.rendered(env) if each["kind"] != "Ingress"]
    assert [each for each in instead if each["kind"] != "HTTPRoute"] == was


def test_only_that_gateways_pods_are_let_in(env: str, tmp_path: Path) -> None:
    among = rendered(enable(env, tmp_path, BESIDE, LET_IN))
    policies = [each for each in among if each["kind"] == "NetworkPolicy"]
    labels = overlay.find(among, "Deployment")["spec"]["template"]["metadata"]["labels"]
    api = End("10.42.0.10", f"slipway-{env}", labels, {"http": PORT})
    made = {"gateway.networking.k8s.io/gateway-name": "public"}
    assert allowed(policies, Flow(End("10.42.0.30", "gateways", made), api, PORT))
    for stranger in (
        End("10.42.0.31", "gateways", {"gateway.networking.k8s.io/gateway-name": "private"}),
        End("10.42.0.32", "gateways"),
        End("10.42.0.33", "default", made),
    ):
        assert not allowed(policies, Flow(stranger, api, PORT))
