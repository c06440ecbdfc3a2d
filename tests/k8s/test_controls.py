"""Every control of the table passes on every overlay, and fails when the manifests are damaged."""

import base64
import copy
from pathlib import Path
from typing import Any

import pytest

from tests.k8s.conftest import ENVIRONMENTS
from tests.k8s.controls import CONTROLS, judge
from tools import overlay

# Read off manifests, those of Kubescape's frameworks NSA and MITRE; the others are about a cluster.
FRAMEWORKS = {
    *("C-0012", "C-0013", "C-0016", "C-0017", "C-0030", "C-0034", "C-0038", "C-0041", "C-0044"),
    *("C-0045", "C-0046", "C-0048", "C-0054", "C-0055", "C-0057", "C-0270", "C-0271"),
}
DECLARED = {
    ("dev", "C-0263"): "a laptop has no certificate",
    ("dev", "C-0306"): "make deploy renders dev with the digest it has just pushed",
}
ABSENT = object()
POD = "Deployment spec template spec"
API = f"{POD} containers 0"
MIGRATE = f"{POD} initContainers 0"
# What to break for each control: the path to it, and what to put there.
DAMAGE: list[tuple[str, str, Any]] = [
    ("C-0012", "ConfigMap data DATABASE_PASSWORD_FILE", "/run/secrets/slipway/password"),
    ("C-0012", "ConfigMap data HEADER", "Authorization: Bearer $header"),
    ("C-0012", "ConfigMap data HEADER", base64.b64encode(b"Authorization: Bearer x").decode()),
    ("C-0012", f"{API} env 0", {"name": "API_TOKEN", "value": "hunter2"}),
    ("C-0012", f"{API} env 0", {"name": "API_HEADER", "value": "Bearer hunter2"}),
    ("C-0013", f"{POD} securityContext runAsGroup", ABSENT),
    ("C-0013", f"{API} securityContext", {"runAsNonRoot": False, "runAsUser": 0}),
    ("C-0016", f"{API} securityContext allowPrivilegeEscalation", ABSENT),
    ("C-0016", f"{MIGRATE} securityContext allowPrivilegeEscalation", True),
    ("C-0017", f"{MIGRATE} securityContext readOnlyRootFilesystem", ABSENT),
    ("C-0018", f"{API} readinessProbe", ABSENT),
    ("C-0030", "Deployment metadata namespace", "elsewhere"),
    ("C-0034", f"{POD} automountServiceAccountToken", ABSENT),
    ("C-0038", f"{POD} hostPID", True),
    ("C-0038", f"{POD} hostIPC", True),
    ("C-0041", f"{POD} hostNetwork", True),
    ("C-0044", f"{API} ports 0 hostPort", 8888),
    ("C-0045", f"{POD} volumes 1", {"name": "tmp", "hostPath": {"path": "/tmp"}}),  # noqa: S108
    ("C-0046", f"{API} securityContext capabilities add", ["NET_RAW"]),
    ("C-0048", f"{POD} volumes 1", {"name": "tmp", "hostPath": {"path": "/tmp"}}),  # noqa: S108
    ("C-0054", "Namespace metadata name", "elsewhere"),
    ("C-0055", f"{POD} securityContext seccompProfile", ABSENT),
    ("C-0055", f"{API} securityContext seccompProfile", {"type": "Unconfined"}),
    ("C-0056", f"{API} livenessProbe", ABSENT),
    ("C-0057", f"{API} securityContext privileged", True),
    ("C-0061", "Deployment metadata namespace", ABSENT),
    ("C-0073", "Deployment kind", "Pod"),
    ("C-0075", API, {"name": "x", "image": "host:5000/slipway", "imagePullPolicy": "Never"}),
    ("C-0076", "Deployment metadata labels env", ABSENT),
    ("C-0077", "Deployment metadata labels", {"env": "dev"}),
    ("C-0207", f"{API} env 0", {"name": "X", "valueFrom": {"secretKeyRef": {}}}),
    ("C-0210", f"{POD} securityContext seccompProfile", {"type": "Localhost"}),
    ("C-0260", "Deployment metadata namespace", "elsewhere"),
    ("C-0263", "Ingress spec tls", []),
    ("C-0268", f"{MIGRATE} resources requests cpu", ABSENT),
    ("C-0269", f"{MIGRATE} resources requests memory", ABSENT),
    ("C-0270", f"{MIGRATE} resources limits cpu", ABSENT),
    ("C-0271", f"{API} resources limits memory", ABSENT),
    ("C-0293", "Service spec selector", {"app.kubernetes.io/name": "slipwey"}),
    ("C-0295", f"{API} env", [{"name": "X", "value": "1"}, {"name": "X", "value": "2"}]),
    ("C-0296", "Deployment spec selector matchLabels", {"app.kubernetes.io/name": "slipwey"}),
    ("C-0298", "Ingress spec rules 0 http paths 0 backend service name", "slipwey"),
    ("C-0299", "NetworkPolicy spec podSelector matchLabels", {"app": "slipwey"}),
    ("C-0300", "HorizontalPodAutoscaler spec scaleTargetRef name", "slipwey"),
    ("C-0305", "Deployment spec strategy", ABSENT),
    ("C-0306", f"{API} image", "ghcr.io/acme/slipway:0.1.0"),
    ("drops all capabilities", f"{API} securityContext capabilities drop", ["NET_RAW"]),
    ("drops all capabilities", f"{MIGRATE} securityContext capabilities", ABSENT),
    ("no environment from a Secret", f"{API} envFrom 0", {"secretRef": {"name": "slipway"}}),
    ("no rights", "ConfigMap kind", "ServiceAccount"),
    ("no rights", "ConfigMap apiVersion", "rbac.authorization.k8s.io/v1"),
    (
        "no snippet for the ingress controller",
        "Ingress metadata annotations",
        {"nginx.ingress.kubernetes.io/server-snippet": "alias /etc/;"},
    ),
]


def failed(control: str, among: list[overlay.Object]) -> list[str]:
    return [what for what, passed in judge(control, among) if not passed]


def damaged(among: list[overlay.Object], path: str, value: Any) -> list[overlay.Object]:
    """Return a copy of the objects with a field of one of them changed or taken away."""
    kind, *keys = path.split()
    changed = copy.deepcopy(among)
    name = "slipway-" + among[0]["metadata"]["labels"]["env"] if kind == "Namespace" else "slipway"
    node: Any = overlay.find(changed, kind, name)
    way: list[Any] = [int(key) if key.isdigit() else key for key in keys]
    for key in way[:-1]:
        node = node[key]
    if value is ABSENT:
        del node[way[-1]]
    else:
        node[way[-1]] = value
    return changed


@pytest.mark.parametrize("env", ENVIRONMENTS)
@pytest.mark.parametrize("control", CONTROLS)
def test_every_object_passes(control: str, env: str) -> None:
    among = overlay.rendered(env)
    assert list(judge(control, among)), "a control that looks at nothing says nothing"
    assert bool(failed(control, among)) == ((env, control) in DECLARED)


@pytest.mark.parametrize("env", ENVIRONMENTS)
@pytest.mark.parametrize(("control", "path", "value"), DAMAGE)
def test_a_damaged_object_fails(control: str, path: str, value: Any, env: str) -> None:
    """A declared exception fails already; the damage must not make it pass."""
    assert failed(control, damaged(overlay.rendered(env), path, value))


@pytest.mark.parametrize("folder", [Path("k8s/argocd"), Path("k8s/flux")], ids=str)
def test_what_points_a_controller_at_the_overlays_passes(folder: Path) -> None:
    among = overlay.objects(overlay.render(folder))
    assert {control: found for control in CONTROLS if (found := failed(control, among))} == {}


def test_what_the_tests_on_a_cluster_add_passes_both_frameworks() -> None:
    among = overlay.objects(overlay.render(Path("tests/e2e/notified")))
    assert "Deployment receiver" in dict(judge("C-0034", among))
    assert {control: found for control in FRAMEWORKS if (found := failed(control, among))} == {}


def test_every_control_has_something_it_must_reject() -> None:
    assert {control for control, _, _ in DAMAGE} == set(CONTROLS)


def test_the_controls_of_both_frameworks_are_there() -> None:
    assert set(CONTROLS) >= FRAMEWORKS
