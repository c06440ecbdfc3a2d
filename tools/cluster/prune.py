"""Remove what an earlier deployment applied and the manifests no longer have.

`kubectl apply` adds and changes, but never removes.
"""

import json
from collections.abc import Iterator
from typing import Any

from tools import overlay
from tools.cluster.kube import Kube
from tools.command import ToolError, failure, run, say

PART_OF = {"app.kubernetes.io/part-of": overlay.NAME}
APPLIED = "kubectl.kubernetes.io/last-applied-configuration"
# What a release may consist of. Secrets and volume claims are not here, so they are never removed.
KINDS = (
    "configmaps",
    "serviceaccounts",
    "services",
    "deployments.apps",
    "statefulsets.apps",
    "horizontalpodautoscalers.autoscaling",
    "cronjobs.batch",
    "jobs.batch",
    "objectstores.barmancloud.cnpg.io",
    "externalsecrets.external-secrets.io",
    "httproutes.gateway.networking.k8s.io",
    "prometheusrules.monitoring.coreos.com",
    "servicemonitors.monitoring.coreos.com",
    "ingresses.networking.k8s.io",
    "networkpolicies.networking.k8s.io",
    "poddisruptionbudgets.policy",
    "clusters.postgresql.cnpg.io",
    "scheduledbackups.postgresql.cnpg.io",
    "validatingadmissionpolicies.admissionregistration.k8s.io",
    "validatingadmissionpolicybindings.admissionregistration.k8s.io",
)
# The cluster's, not a namespace's: each is named after the namespace that it is for.
OF_CLUSTER = ("ValidatingAdmissionPolicy", "ValidatingAdmissionPolicyBinding")
# With these go what serves data, the data, its backups, or a Secret: a person decides.
KEPT = ("StatefulSet", "Cluster", "ObjectStore", "ScheduledBackup", "ExternalSecret")


def prune(kube: Kube, namespace: str, applied: list[overlay.Object]) -> None:
    """Remove the objects of earlier deployments that are not among those just applied."""
    found = leftovers(kube, namespace, applied)
    for manifest in found:
        if manifest["kind"] in KEPT:
            what = f"{manifest['kind'].lower()} {manifest['metadata']['name']}"
            say(
                f"kept in {namespace}: {what}, which the manifests no longer have. If nothing needs"
                f" it: kubectl --namespace {namespace} delete {what}"
            )
    unwanted = [manifest for manifest in found if manifest["kind"] not in KEPT]
    if not unwanted:
        return
    manifests = json.dumps({"apiVersion": "v1", "kind": "List", "items": unwanted})
    # A finalizer, such as a cloud's on an Ingress, may take minutes: nothing depends on its end.
    options = ("--filename", "-", "--ignore-not-found", "--wait=false")
    if not kube.show("delete", *options, stdin=manifests):
        raise ToolError(f"leftovers in {namespace} were not removed: see kubectl's output above")


def leftovers(kube: Kube, namespace: str, applied: list[overlay.Object]) -> list[overlay.Object]:
    """Return what was applied as a part of Slipway before, but not now.

    Without ConfigMaps that a retained ReplicaSet refers to: `kubectl rollout undo` needs them.
    """
    wanted = {identity(manifest) for manifest in applied}
    found = [
        manifest
        for manifest in kube.selected(",".join(kinds(kube)), namespace, PART_OF)
        if identity(manifest) not in wanted
        and is_of(namespace, manifest)
        and APPLIED in manifest["metadata"].get("annotations", {})
        and not manifest["metadata"].get("ownerReferences")
    ]
    owners = kube.get("replicasets,statefulsets", "--namespace", namespace)["items"]
    used = {name for owner in owners for name in configmaps(owner["spec"]["template"])}
    return [
        manifest
        for manifest in found
        if manifest["kind"] != "ConfigMap" or manifest["metadata"]["name"] not in used
    ]


def is_of(namespace: str, found: overlay.Object) -> bool:
    """Return whether an object is in a namespace, or is the cluster's and named after it."""
    in_it = found["kind"] not in OF_CLUSTER
    return in_it or str(found["metadata"]["name"]).endswith(f".{namespace}")


def kinds(kube: Kube) -> list[str]:
    """Return the kinds that the cluster has: custom resources may not be installed."""
    # Not kube.run: the exit status is 1 while any aggregated API, such as metrics, is down.
    done = run(kube.argv("api-resources", "--verbs", "delete", "--output", "name"))
    known = [kind for kind in KINDS if kind in done.stdout.split()]
    if not known:
        raise failure(done, "kubectl api-resources")
    return known


def identity(found: overlay.Object) -> tuple[str, str, str]:
    """Return what identifies an object in its namespace, in any version of its API."""
    group, slash, _ = found["apiVersion"].partition("/")
    return group if slash else "", found["kind"], found["metadata"]["name"]


def configmaps(part: Any) -> Iterator[str]:
    """Yield the names of the ConfigMaps that a pod template refers to."""
    if isinstance(part, list):
        for manifest in part:
            yield from configmaps(manifest)
    elif isinstance(part, dict):
        for key, value in part.items():
            if key in ("configMap", "configMapRef", "configMapKeyRef"):
                yield value["name"]
            else:
                yield from configmaps(value)
