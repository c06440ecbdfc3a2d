"""Custom resources of which a controller that is not known here may make other objects."""

from __future__ import annotations

from typing import Any

from gitops.objects import Object

# Groups of custom resources of which no controller makes pods or Secrets by their names.
QUIET = (
    *("k8s.io", "cert-manager.io", "external-secrets.io", "traefik.io", "traefik.containo.us"),
    *("istio.io", "fluxcd.io", "kyverno.io", "keda.sh", "cilium.io", "projectcalico.org"),
    *("bitnami.com", "linkerd.io", "gatekeeper.sh", "openshift.io"),
)
QUIET_KINDS = {
    *("ServiceMonitor", "PodMonitor", "PrometheusRule", "Probe", "ScrapeConfig"),
    *("AlertmanagerConfig", "Application", "ApplicationSet", "AppProject", "Rollout"),
    *("AnalysisTemplate", "ClusterAnalysisTemplate"),
}


def is_custom(thing: Object) -> bool:
    """Tell whether an object is a custom resource of which a controller may make others."""
    quiet = any(thing.group == each or thing.group.endswith(f".{each}") for each in QUIET)
    return "." in thing.group and not quiet and thing.kind not in QUIET_KINDS


def operates(thing: Object, labels: dict[str, Any]) -> bool:
    """Tell whether labels name a custom resource or its kind, as those of its pods do."""
    named = any(f"{value}-".startswith(f"{thing.name}-") for value in labels.values())
    of_kind = labels.get("app.kubernetes.io/name") == thing.kind.lower()
    return (named or of_kind) and is_custom(thing)
