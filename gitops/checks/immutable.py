"""Fields that a cluster refuses to change on an object that exists, compared with a revision."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

from gitops.aside import at_revision
from gitops.checks.context import Context
from gitops.findings import Finding, Severity
from gitops.jobs import Job
from gitops.objects import Object
from gitops.overlays import Copy
from gitops.quantities import quantity
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
        *("spec.selector", "spec.dataSource", "spec.dataSourceRef"),
    ),
    "StorageClass": ("provisioner", "parameters", "reclaimPolicy", "volumeBindingMode"),
    "Secret": ("type",),
    "RoleBinding": ("roleRef",),
    "ClusterRoleBinding": ("roleRef",),
    "IngressClass": ("spec.controller",),
    "PriorityClass": ("value", "preemptionPolicy"),
    "RuntimeClass": ("handler",),
    "CustomResourceDefinition": ("spec.group", "spec.scope", "spec.names.plural"),
}
# What an object that says `immutable: true` may not change any more, that line included.
CONTENT = ("immutable", "data", "binaryData", "stringData")
# How an object says that it is deleted and made again: by Argo CD, and by Flux.
HOOKS = ("argocd.argoproj.io/hook", "helm.sh/hook")
OPTIONS = ("Replace=true", "Force=true")
FORCE = "kustomize.toolkit.fluxcd.io/force"
HINT = "give the object another name, or delete it in the cluster when this is applied"
KEEP = "keep its name and namespace, or move the data: pruning may delete it"


def check(context: Context) -> Iterator[Finding]:
    """Yield each immutable field that has changed since the base revision."""
    if context.base is None:
        context.skipped["immutable"] = "no --base REF to compare with"
        return
    clone = Clone.of(context.root)
    with clone.unpacked(context.base) as copy:
        yield from compare(context, clone.top, copy)


def compare(context: Context, top: Path, copy: Path) -> Iterator[Finding]:
    """Yield the immutable fields that differ between the overlays and a copy of the repository."""
    remotes = context.repository.deliveries.remotes
    copied = Copy(copy, (*remotes,))
    old_repository = at_revision(context.root.relative_to(top), copied, str(context.base))
    then = {each: old_repository.named(each.overlay.name) for each in context.applied}
    # An overlay that is new has nothing in any cluster yet.
    there = [(each, old) for each, old in then.items() if old]
    answers = context.renderer.render(Job.of(old) for _, old in there)
    for (rendered, overlay), answer in zip(there, answers, strict=True):
        objects = overlay.top.delivered(answer.objects)
        before = {identity(each): each for each in map(Object, objects)}
        new = [each for each in rendered.objects if identity(each) not in before]
        for each in rendered.objects:
            old = before.pop(identity(each), None)
            if old and not is_made_again(each):
                for fault in faults(old, each):
                    message = f"{each.title}: {fault} since {context.base}"
                    yield rendered.finding("immutable", message, each, hint=HINT)
        for left in filter(holds_data, before.values()):
            if heir := successor(left, new):
                was = f"{left.title} in {left.namespace}" if left.name == heir.name else left.title
                message = f"{heir.title}: it was {was} in {context.base}, whose data stays behind"
                yield rendered.finding(
                    "immutable", message, heir, hint=KEEP, severity=Severity.WARNING
                )


def successor(old: Object, new: list[Object]) -> Object | None:
    """Return the new object that an old one was renamed to, or moved to another namespace."""
    same = [each for each in new if (each.group, each.kind) == (old.group, old.kind)]
    named = [each for each in same if each.name == old.name]
    return next(iter([*named, *same]), None)


def faults(old: Object, new: Object) -> Iterator[str]:
    """Yield what the cluster refuses to change in an object."""
    for field in FIELDS.get(new.kind, ()):
        if old.get(*field.split(".")) != new.get(*field.split(".")):
            yield f"{field} has changed"
    if new.kind in ("ConfigMap", "Secret") and old.get("immutable"):
        for field in CONTENT:
            if old.get(field) != new.get(field):
                yield f"it is immutable, and its {field} has changed"
    sizes = [each.get("spec", "resources", "requests", "storage") for each in (old, new)]
    if new.kind == "PersistentVolumeClaim" and None not in sizes:
        before, after = map(quantity, sizes)
        if before is not None and after is not None and after < before:
            yield f"it has shrunk from {sizes[0]} to {sizes[1]}"


def is_made_again(each: Object) -> bool:
    """Tell whether an object is deleted and made again whenever it is applied."""
    annotations = each.get("metadata", "annotations", default={})
    options = str(annotations.get("argocd.argoproj.io/sync-options", "")).replace(" ", "")
    return (
        any(hook in annotations for hook in HOOKS)
        or set(OPTIONS) <= set(options.split(","))
        or annotations.get(FORCE) in ("enabled", "Enabled")
    )


def holds_data(each: Object) -> bool:
    """Tell whether an object has data that one of another name or namespace has not."""
    claims = each.kind == "StatefulSet" and each.get("spec", "volumeClaimTemplates")
    return each.kind in ("PersistentVolumeClaim", "Namespace") or bool(claims)


def identity(each: Object) -> tuple[str, ...]:
    """Return what identifies an object in a cluster."""
    return each.group, each.kind, each.namespace, each.name
