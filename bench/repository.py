"""Generate a Kustomize repository of many overlays, for the benchmarks of `gitops check`.

Applications of four objects each are in the base (Deployment, Service, ConfigMap,
HorizontalPodAutoscaler); every overlay sets its namespace, a label, and for each application an
image by digest, the minimum of replicas and a key of the configuration.
"""

from __future__ import annotations

import hashlib
from pathlib import Path
from typing import Any

import yaml

OBJECTS = 4  # of an application


def generate(root: Path, overlays: int, number_of_apps: int) -> list[Path]:
    """Write the repository to a folder, and return the folders of its overlays."""
    apps = [f"app-{number:02}" for number in range(number_of_apps)]
    for app in apps:
        for name, content in base(app).items():
            write(root / "base" / app / name, content)
    write(root / "base" / "kustomization.yaml", kustomization(resources=apps))
    folders = [root / "overlays" / f"tenant-{number:02}" for number in range(overlays)]
    for folder in folders:
        write(folder / "kustomization.yaml", overlay(folder.name, apps))
    return folders


def base(app: str) -> dict[str, Any]:
    """Return the files of one application, each object in its own."""
    labels = {"app.kubernetes.io/name": app}
    container = {
        "name": "server",
        "image": f"registry.example/{app}",
        "ports": [{"name": "http", "containerPort": 8080}],
        "envFrom": [{"configMapRef": {"name": app}}],
        "resources": {"requests": {"cpu": "50m", "memory": "64Mi"}},
    }
    template = {"metadata": {"labels": labels}, "spec": {"containers": [container]}}
    target = {"apiVersion": "apps/v1", "kind": "Deployment", "name": app}
    usage = {"name": "cpu", "target": {"type": "Utilization", "averageUtilization": 70}}
    scaling = {
        "scaleTargetRef": target,
        "minReplicas": 1,
        "maxReplicas": 40,
        "metrics": [{"type": "Resource", "resource": usage}],
    }
    ports = [{"name": "http", "port": 80, "targetPort": "http"}]
    service = {"selector": labels, "ports": ports}
    deployment = {"selector": {"matchLabels": labels}, "template": template}
    return {
        "deployment.yaml": {**kind("apps/v1", "Deployment", app), "spec": deployment},
        "service.yaml": {**kind("v1", "Service", app), "spec": service},
        "hpa.yaml": {**kind("autoscaling/v2", "HorizontalPodAutoscaler", app), "spec": scaling},
        "kustomization.yaml": kustomization(
            resources=["deployment.yaml", "service.yaml", "hpa.yaml"],
            configMapGenerator=[{"name": app, "literals": ["LOG_LEVEL=info", "TENANT=none"]}],
        ),
    }


def overlay(name: str, apps: list[str]) -> dict[str, Any]:
    """Return the kustomization of one overlay; each of its overrides changes something."""
    minimum = 2 + int(name[-2:])
    return kustomization(
        resources=["../../base"],
        namespace=name,
        labels=[{"pairs": {"tenant": name}}],
        images=[{"name": f"registry.example/{app}", "digest": digest(name, app)} for app in apps],
        configMapGenerator=[
            {"name": app, "behavior": "merge", "literals": [f"TENANT={name}"]} for app in apps
        ],
        patches=[
            {
                "target": {"kind": "HorizontalPodAutoscaler", "name": app},
                "patch": yaml.safe_dump(
                    [{"op": "replace", "path": "/spec/minReplicas", "value": minimum}]
                ),
            }
            for app in apps
        ],
    )


def digest(*parts: str) -> str:
    """Return an image digest that depends only on the parts."""
    return "sha256:" + hashlib.sha256(" ".join(parts).encode()).hexdigest()


def kind(version: str, name: str, app: str) -> dict[str, Any]:
    """Return the type and metadata of an object."""
    return {"apiVersion": version, "kind": name, "metadata": {"name": app}}


def kustomization(**fields: Any) -> dict[str, Any]:
    """Return a kustomization with the given fields."""
    head = {"apiVersion": "kustomize.config.k8s.io/v1beta1", "kind": "Kustomization"}
    return {**head, **fields}


def write(path: Path, content: dict[str, Any]) -> None:
    """Write a YAML file, and create its parent folders."""
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(yaml.safe_dump(content, sort_keys=False), encoding="utf-8")
