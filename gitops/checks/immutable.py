"""Fields that a cluster refuses to change on an object that exists, compared with a revision."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

from gitops.checks.context import Context
from gitops.errors import GitopsError
from gitops.findings import Finding
from gitops.objects import Object
from gitops.render import Job
from gitops.revision import Clone

# From each kind's documentation in the Kubernetes API reference; roleRef from that of RBAC.
FIELDS = {
    "Deployment": ("spec.selector",),
    "DaemonSet": ("spec.selector",),
    "ReplicaSet": ("spec.selector",),
    "StatefulSet": (
        *("spec.selector", "spec.serviceName", "spec.podManagementPolicy"),
        "spec.volumeClaimTemplates",
    ),
    "Job": ("spec.selector", "spec.template", "spec.completionMode"),
    "Service": ("spec.clusterIP", "spec.clusterIPs"),
    "PersistentVolumeClaim": (
        *("spec.storageClassName", "spec.accessModes", "spec.volumeName", "spec.volumeMode"),
        "spec.selector",
    ),
    "StorageClass": ("provisioner", "parameters", "reclaimPolicy", "volumeBindingMode"),
    "RoleBinding": ("roleRef",),
    "ClusterRoleBinding": ("roleRef",),
    "IngressClass": ("spec.controller",),
}
HINT = "give the object another name, or delete it in the cluster when this is applied"


def check(context: Context) -> Iterator[Finding]:
    """Yield each immutable field that has changed since the base revision."""
    if context.base is None:
        context.skipped["immutable"] = "no --base REF to compare with"
        return
    try:
        clone = Clone.of(context.root)
    except GitopsError as error:
        context.skipped["immutable"] = error.message
        return
    with clone.unpacked(context.base) as copy:
        yield from compare(context, clone.top, copy)


def compare(context: Context, top: Path, copy: Path) -> Iterator[Finding]:
    """Yield the immutable fields that differ between the overlays and a copy of the repository."""
    then = {each: copy / each.overlay.folder.relative_to(top) for each in context.applied}
    # An overlay that is new has nothing in any cluster yet.
    there = [each for each in context.applied if then[each].is_dir()]
    for rendered, answer in zip(
        there, context.renderer.render(Job(then[each]) for each in there), strict=True
    ):
        before = {identity(each): each for each in map(Object, answer.objects)}
        for each in rendered.objects:
            old = before.get(identity(each))
            for field in FIELDS.get(each.kind, ()) if old else ():
                if old and old.get(*field.split(".")) != each.get(*field.split(".")):
                    message = f"{each.title}: {field} has changed since {context.base}"
                    yield rendered.finding("immutable", message, each, hint=HINT)


def identity(each: Object) -> tuple[str, ...]:
    """Return what identifies an object in a cluster."""
    return each.group, each.kind, each.namespace, each.name
