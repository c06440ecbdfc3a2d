"""API versions that Kubernetes serves no longer, or discourages.

The table is that of https://kubernetes.io/docs/reference/using-api/deprecation-guide/.
"""

from __future__ import annotations

from collections.abc import Iterator

from gitops.checks.context import Context
from gitops.checks.unknown import is_open
from gitops.findings import Finding, Severity
from gitops.objects import Object
from gitops.optional import minor

WEBHOOKS = ("MutatingWebhookConfiguration", "ValidatingWebhookConfiguration")
POLICIES = ("ValidatingAdmissionPolicy", "ValidatingAdmissionPolicyBinding")
FLOW = ("FlowSchema", "PriorityLevelConfiguration")
ROLES = ("ClusterRole", "ClusterRoleBinding", "Role", "RoleBinding")
WORKLOADS = ("DaemonSet", "Deployment", "ReplicaSet", "StatefulSet")
REVIEWS = ("LocalSubjectAccessReview", "SelfSubjectAccessReview", "SubjectAccessReview")
PSP = ("PodSecurityPolicy",)
# API version, kinds, the minor that serves it no longer, and what is served instead.
REMOVED: tuple[tuple[str, tuple[str, ...], str, str], ...] = (
    ("extensions/v1beta1", WORKLOADS, "1.16", "apps/v1"),
    ("extensions/v1beta1", ("NetworkPolicy",), "1.16", "networking.k8s.io/v1"),
    ("extensions/v1beta1", PSP, "1.16", ""),
    ("extensions/v1beta1", ("Ingress",), "1.22", "networking.k8s.io/v1"),
    ("apps/v1beta1", WORKLOADS, "1.16", "apps/v1"),
    ("apps/v1beta2", WORKLOADS, "1.16", "apps/v1"),
    ("batch/v2alpha1", ("CronJob",), "1.21", "batch/v1"),
    ("admissionregistration.k8s.io/v1beta1", WEBHOOKS, "1.22", "admissionregistration.k8s.io/v1"),
    (
        "apiextensions.k8s.io/v1beta1",
        ("CustomResourceDefinition",),
        "1.22",
        "apiextensions.k8s.io/v1",
    ),
    ("apiregistration.k8s.io/v1beta1", ("APIService",), "1.22", "apiregistration.k8s.io/v1"),
    ("authentication.k8s.io/v1beta1", ("TokenReview",), "1.22", "authentication.k8s.io/v1"),
    ("authorization.k8s.io/v1beta1", REVIEWS, "1.22", "authorization.k8s.io/v1"),
    (
        "certificates.k8s.io/v1beta1",
        ("CertificateSigningRequest",),
        "1.22",
        "certificates.k8s.io/v1",
    ),
    ("coordination.k8s.io/v1beta1", ("Lease",), "1.22", "coordination.k8s.io/v1"),
    ("networking.k8s.io/v1beta1", ("Ingress", "IngressClass"), "1.22", "networking.k8s.io/v1"),
    ("rbac.authorization.k8s.io/v1beta1", ROLES, "1.22", "rbac.authorization.k8s.io/v1"),
    ("scheduling.k8s.io/v1beta1", ("PriorityClass",), "1.22", "scheduling.k8s.io/v1"),
    (
        "storage.k8s.io/v1beta1",
        ("CSIDriver", "CSINode", "StorageClass", "VolumeAttachment"),
        *("1.22", "storage.k8s.io/v1"),
    ),
    ("batch/v1beta1", ("CronJob",), "1.25", "batch/v1"),
    ("discovery.k8s.io/v1beta1", ("EndpointSlice",), "1.25", "discovery.k8s.io/v1"),
    ("events.k8s.io/v1beta1", ("Event",), "1.25", "events.k8s.io/v1"),
    ("autoscaling/v2beta1", ("HorizontalPodAutoscaler",), "1.25", "autoscaling/v2"),
    ("policy/v1beta1", ("PodDisruptionBudget",), "1.25", "policy/v1"),
    ("policy/v1beta1", PSP, "1.25", ""),
    ("node.k8s.io/v1beta1", ("RuntimeClass",), "1.25", "node.k8s.io/v1"),
    ("autoscaling/v2beta2", ("HorizontalPodAutoscaler",), "1.26", "autoscaling/v2"),
    ("flowcontrol.apiserver.k8s.io/v1beta1", FLOW, "1.26", "flowcontrol.apiserver.k8s.io/v1"),
    ("storage.k8s.io/v1beta1", ("CSIStorageCapacity",), "1.27", "storage.k8s.io/v1"),
    ("flowcontrol.apiserver.k8s.io/v1beta2", FLOW, "1.29", "flowcontrol.apiserver.k8s.io/v1"),
    ("flowcontrol.apiserver.k8s.io/v1beta3", FLOW, "1.32", "flowcontrol.apiserver.k8s.io/v1"),
    ("admissionregistration.k8s.io/v1beta1", POLICIES, "1.34", "admissionregistration.k8s.io/v1"),
)
# API version, kind, the minor since which it is discouraged, and what is there instead.
DEPRECATED = (
    ("v1", "Endpoints", "1.33", "discovery.k8s.io/v1 EndpointSlice"),
    ("v1", "ComponentStatus", "1.19", ""),
)
# The groups of Kubernetes itself: a kind that is not among theirs is in no cluster.
GROUPS = {
    *("", "apps", "autoscaling", "batch", "extensions", "policy"),
    *(
        f"{name}.k8s.io"
        for name in (
            *("admissionregistration", "apiextensions", "apiregistration", "authentication"),
            *("certificates", "coordination", "discovery", "events", "flowcontrol.apiserver"),
            *("internal.apiserver", "networking", "node", "rbac.authorization", "resource"),
            *("authorization", "scheduling", "storage", "storagemigration"),
        )
    ),
}


def check(context: Context) -> Iterator[Finding]:
    """Yield each object of an API version that is not served, or will not be.

    The group of a custom resource is a domain: the cluster refuses one without a dot.
    """
    versions = context.kubernetes or context.config.kubernetes
    numbered = [minor(version) for version in versions if version[0].isdigit()]
    newest = max(numbered, default=None)
    for rendered in context.rendered:
        for each in rendered.objects:
            version = str(each.data.get("apiVersion"))
            is_known = "." in each.group or each.group in GROUPS
            if not is_known and not is_open(version):
                message = f"{each.title}: Kubernetes has no group {each.group}"
                hint_ = "write v1 for the core group; the groups of others have a dot"
                yield rendered.finding("api", message, each, version, hint_)
            if found := removed(each):
                since, new = found
                gone = newest is None or minor(since) <= newest
                how = "is not served" if gone else "will not be served"
                message = f"{each.title}: {version} {how} since Kubernetes {since}"
                severity = Severity.ERROR if gone else Severity.WARNING
                yield rendered.finding("api", message, each, version, hint(new), severity)
            for its_version, kind, since, new in DEPRECATED:
                if (version, each.kind) == (its_version, kind):
                    message = f"{each.title}: {version} is deprecated since Kubernetes {since}"
                    yield rendered.finding("api", message, each, version, hint(new), Severity.NOTE)


def removed(thing: Object) -> tuple[str, str] | None:
    """Return since when the API version of an object is not served, and what is instead."""
    for version, kinds, since, new in REMOVED:
        if thing.data.get("apiVersion") == version and thing.kind in kinds:
            return since, new
    return None


def hint(new: str) -> str:
    """Return what to do about an API version."""
    return f"use {new}" if new else "nothing is served in its place"
