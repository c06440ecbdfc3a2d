"""How much a reference matters that leads nowhere: whether something breaks, or has no effect."""

from __future__ import annotations

from pathlib import Path

import pytest

from gitops.checks import references, selectors
from tests.gitops.judged import context, judged


def workload(spec: str = "", kind: str = "Deployment", labels: str = "app: shop") -> str:
    return f"""
---
apiVersion: apps/v1
kind: {kind}
metadata: {{name: shop, namespace: shop}}
spec:
  selector: {{matchLabels: {{{labels}}}}}
  template:
    metadata: {{labels: {{{labels}}}}}
    spec:
      {spec or "hostNetwork: false"}
      containers: [{{name: app, image: "shop:1"}}]
"""


def selecting(kind: str, spec: str) -> str:
    return f"---\nkind: {kind}\nmetadata: {{name: it, namespace: shop}}\nspec: {{{spec}}}\n"


def affinity(kind: str, when: str, value: str) -> str:
    term = f"{{topologyKey: t, labelSelector: {{matchLabels: {{app: {value}}}}}}}"
    if when == "preferred":
        term = f"{{weight: 1, podAffinityTerm: {term}}}"
    return workload(
        f"affinity: {{{kind}: {{{when}DuringSchedulingIgnoredDuringExecution: [{term}]}}}}"
    )


SPREAD = "topologySpreadConstraints: [{labelSelector: {matchLabels: {app: %s}}}]"
PEER = "podSelector: {}, ingress: [{from: [{podSelector: {matchLabels: {app: %s}}}]}]"


@pytest.mark.parametrize(
    ("text", "severity"),
    [
        (selecting("Service", "selector: {app: nobody}"), "error"),
        (selecting("PodDisruptionBudget", "selector: {matchLabels: {app: nobody}}"), "warning"),
        (selecting("PodDisruptionBudget", "selector: {matchLabels: {app: shpo}}"), "error"),
        (selecting("NetworkPolicy", "podSelector: {matchLabels: {app: nobody}}"), "warning"),
        (selecting("NetworkPolicy", "podSelector: {matchLabels: {app: shap}}"), "error"),
        (selecting("NetworkPolicy", PEER % "nobody"), "warning"),
        (selecting("NetworkPolicy", PEER % "shopp"), "error"),
        (selecting("PodMonitor", "selector: {matchLabels: {app: nobody}}"), "warning"),
        (selecting("ServiceMonitor", "selector: {matchLabels: {app: nobody}}"), "warning"),
        (affinity("podAntiAffinity", "required", "nobody"), "warning"),
        (affinity("podAntiAffinity", "preferred", "shopp"), "error"),
        (affinity("podAffinity", "preferred", "nobody"), "warning"),
        # Its pods wait for one that never comes.
        (affinity("podAffinity", "required", "nobody"), "error"),
        (workload(SPREAD % "nobody"), "warning"),
        (workload(SPREAD % "shop"), ""),
    ],
)
def test_a_selector_that_selects_nothing(tmp_path: Path, text: str, severity: str) -> None:
    asked = context(tmp_path, {"prod": workload() + text})
    found = [each.severity.value for each in selectors.check(asked)]
    assert found == ([severity] if severity else [])


@pytest.mark.parametrize(
    ("service", "name", "severity"),
    [("mail", "shop", "warning"), ("shop", "shpo", "error"), ("shop", "shop", "")],
)
def test_the_service_of_a_stateful_set(
    tmp_path: Path, service: str, name: str, severity: str
) -> None:
    text = workload(kind="StatefulSet").replace("spec:\n", f"spec:\n  serviceName: {name}\n", 1)
    text += f"---\nkind: Service\nmetadata: {{name: {service}, namespace: shop}}\nspec: {{}}\n"
    asked = context(tmp_path, {"prod": text})
    found = [each.severity.value for each in references.check(asked)]
    assert found == ([severity] if severity else [])


SECRET = "volumes: [{name: v, secret: {secretName: login}}]"
CONFIG = "volumes: [{name: v, configMap: {name: login}}]"


def role(rule: str, kind: str = "Role", namespace: str = "shop") -> str:
    return (
        f"---\nkind: {kind}\nmetadata: {{name: it, namespace: {namespace}}}\nrules: [{{{rule}}}]\n"
    )


@pytest.mark.parametrize(
    ("volume", "rule", "known"),
    [
        (SECRET, role("apiGroups: [''], resources: [secrets], verbs: [create, get]"), True),
        (SECRET, role("apiGroups: ['*'], resources: ['*'], verbs: ['*']", "ClusterRole"), True),
        (SECRET, role("apiGroups: [''], resources: [secrets], verbs: [get, list]"), False),
        (
            SECRET,
            role("apiGroups: [''], resources: [secrets], verbs: [create]", namespace="x"),
            False,
        ),
        (SECRET, role("apiGroups: [apps], resources: [secrets], verbs: [create]"), False),
        (SECRET, role("apiGroups: [''], resources: [configmaps], verbs: [create]"), False),
        (CONFIG, role("apiGroups: [''], resources: [configmaps], verbs: [create]"), False),
        (
            CONFIG,
            role(
                "apiGroups: [''], resources: [configmaps], verbs: [update], resourceNames: [login]"
            ),
            True,
        ),
        (
            SECRET,
            role("apiGroups: [''], resources: [secrets], verbs: [update], resourceNames: [other]"),
            False,
        ),
    ],
)
def test_what_a_role_lets_a_program_make(
    tmp_path: Path, volume: str, rule: str, known: bool
) -> None:
    told = judged(tmp_path, prod=workload(volume) + rule)
    assert any("login" in each for each in told) == (not known)


RUNTIME = """
apiVersion: trainer.kubeflow.org/v1
kind: ClusterTrainingRuntime
metadata: {name: it}
spec:
  template:
    spec: {containers: [{name: a, image: "a:1", volumeMounts: [{name: made, mountPath: /m}]}]}
"""


def test_a_controller_may_add_volumes_to_the_pods_of_its_resource(tmp_path: Path) -> None:
    assert judged(tmp_path, prod=RUNTIME) == []


MONITOR = """
apiVersion: monitoring.coreos.com/v1
kind: ServiceMonitor
metadata: {name: it, namespace: shop}
spec: {selector: {%s}, namespaceSelector: {%s}, endpoints: [{port: metrics}]}
---
kind: Service
metadata: {name: shop, namespace: shop, labels: {app: shop}}
spec: {ports: [{name: http}]}
---
kind: Service
metadata: {name: mail, namespace: mail, labels: {app: shop}}
spec: {ports: [{name: metrics}]}
"""


@pytest.mark.parametrize(
    ("selector", "namespaces", "said"),
    [
        ("matchLabels: {app: shop}", "", True),
        ("matchLabels: {app: shop}", "matchNames: [mail]", False),
        ("matchLabels: {app: shop}", "any: true", False),
        ("", "", False),
    ],
)
def test_ports_are_looked_for_where_a_monitor_looks(
    tmp_path: Path, selector: str, namespaces: str, said: bool
) -> None:
    told = judged(tmp_path, prod=MONITOR % (selector, namespaces))
    assert told == ["ServiceMonitor it, endpoints: no Service has a port metrics"] * said


POLICY = """
kind: NetworkPolicy
metadata: {name: p, namespace: shop}
spec: {podSelector: {matchLabels: {app: shop}}}
"""


def test_layers_are_no_environments(tmp_path: Path) -> None:
    """The base of one application and an overlay of another are in one cluster."""
    overlays = {
        "common/base": POLICY,
        "shop/overlays/plain": workload(),
        "mail/overlays/plain": workload(labels="app: mail"),
        "mail/base": workload(labels="app: mail"),
    }
    assert list(selectors.check(context(tmp_path, overlays))) == []
