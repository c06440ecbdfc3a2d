"""What is valid by itself, and does not go together."""

from __future__ import annotations

from pathlib import Path

import pytest

from gitops.checks import conflicts
from tests.gitops.judged import context


def deployment(replicas: str = "", container: str = "", kind: str = "Deployment") -> str:
    return f"""
---
apiVersion: apps/v1
kind: {kind}
metadata: {{name: shop}}
spec:
  {replicas or "paused: false"}
  selector: {{matchLabels: {{app: shop}}}}
  template:
    metadata: {{labels: {{app: shop}}}}
    spec: {{containers: [{{name: app, image: shop{container}}}]}}
"""


def scaler(kind: str = "HorizontalPodAutoscaler", name: str = "shop", spec: str = "") -> str:
    target = f"scaleTargetRef: {{kind: Deployment, name: {name}}}"
    return f"\n---\nkind: {kind}\nmetadata: {{name: s}}\nspec: {{{target}{spec}}}\n"


def budget(spec: str) -> str:
    selector = "selector: {matchLabels: {app: shop}}"
    return (
        f"\n---\nkind: PodDisruptionBudget\nmetadata: {{name: p}}\nspec: {{{spec}, {selector}}}\n"
    )


def service(ports: str) -> str:
    return f"\n---\nkind: Service\nmetadata: {{name: shop}}\nspec: {{ports: [{ports}]}}\n"


@pytest.mark.parametrize(
    ("text", "said"),
    [
        (deployment("replicas: 4") + scaler(), "replicas is 4, and HorizontalPodAutoscaler s"),
        (deployment("replicas: 4") + scaler("ScaledObject"), "ScaledObject s changes it"),
        (deployment("replicas: 0") + scaler(), "replicas is 0"),
        (deployment() + scaler(), ""),
        (deployment("replicas: 4") + scaler(name="mail"), ""),
        (deployment("replicas: 4"), ""),
        (deployment('replicas: "${N}"') + scaler(), ""),
        (deployment("replicas: 1") + budget("minAvailable: 1"), "minAvailable is 1, of 1 pod"),
        (deployment() + budget("minAvailable: 1"), ""),
        (deployment("replicas: 2") + budget("minAvailable: 2"), "minAvailable is 2, of 2 pods"),
        (deployment("replicas: 2") + budget("minAvailable: 3"), "minAvailable is 3, of 2 pods"),
        (deployment("replicas: 2") + budget("minAvailable: 1"), ""),
        (deployment("replicas: 2") + budget("minAvailable: 50%"), ""),
        (deployment("replicas: 2") + budget("minAvailable: 100%"), "minAvailable is 100%"),
        (deployment("replicas: 2") + budget("maxUnavailable: 0"), "maxUnavailable is 0"),
        (deployment("replicas: 2") + budget("maxUnavailable: 1"), ""),
        (deployment() + scaler(spec=", minReplicas: 2") + budget("minAvailable: 1"), ""),
        (
            deployment() + scaler(spec=", minReplicas: 2") + budget("minAvailable: 2"),
            "minAvailable is 2, of 2 pods",
        ),
        (deployment(kind="DaemonSet") + budget("minAvailable: 1"), ""),
        (
            deployment(container=", env: [{name: A, value: a}, {name: A, value: b}]"),
            "container app: environment variable A twice",
        ),
        (deployment(container=", env: [{name: A, value: a}, {name: B, value: a}]"), ""),
        (
            deployment(
                container=", ports: [{name: a, containerPort: 1}, {name: a, containerPort: 2}]"
            ),
            "port a twice",
        ),
        (
            deployment(container=", ports: [{containerPort: 53}, {containerPort: 53}]"),
            "container port 53 twice",
        ),
        (
            deployment(
                container=", ports: [{containerPort: 53}, {containerPort: 53, protocol: UDP}]"
            ),
            "",
        ),
        (
            deployment(
                container=", volumeMounts: [{name: a, mountPath: /a}, {name: b, mountPath: /a}]"
            ),
            "mount /a twice",
        ),
        (deployment(container="}, {name: app, image: b"), "container app twice"),
        (service("{name: a, port: 1}, {name: a, port: 2}"), "port a twice"),
        (service("{name: a, port: 1}, {name: b, port: 2}"), ""),
        (deployment().replace("containers: [", "containers: [a, "), ""),
    ],
)
def test_what_does_not_go_together_is_told(tmp_path: Path, text: str, said: str) -> None:
    told = [each.message for each in conflicts.check(context(tmp_path, {"prod": text}))]
    assert [each for each in told if said in each] if said else told == []


@pytest.mark.parametrize(
    ("text", "severity"),
    [
        (deployment("replicas: 4") + scaler(), "warning"),
        (deployment("replicas: 1") + budget("minAvailable: 1"), "warning"),
        (deployment(container="}, {name: app, image: b"), "error"),
        (
            deployment(
                container=", ports: [{name: a, containerPort: 80}, {name: b, containerPort: 80}]"
            ),
            "warning",
        ),
    ],
)
def test_what_the_cluster_may_refuse_is_an_error(tmp_path: Path, text: str, severity: str) -> None:
    assert [each.severity for each in conflicts.check(context(tmp_path, {"prod": text}))] == [
        severity
    ]
