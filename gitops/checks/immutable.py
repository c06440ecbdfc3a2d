"""Fields that a cluster refuses to change on an object that exists, compared with a revision."""

from __future__ import annotations

import tempfile
from collections.abc import Iterator
from pathlib import Path

from gitops import programs
from gitops.checks.context import Context
from gitops.errors import GitopsError
from gitops.findings import Finding
from gitops.objects import Object
from gitops.render import Job

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
    """Yield each immutable field that is another one at the base revision."""
    if context.base is None:
        context.skipped["immutable"] = "no --base REF to compare with"
        return
    inside = programs.locate("git") and programs.run(
        ["git", "rev-parse", "--show-toplevel"], context.root
    )
    if not inside or inside.returncode:
        context.skipped["immutable"] = "no git repository"
        return
    with tempfile.TemporaryDirectory(prefix="gitops-") as folder:
        top, copy = Path(inside.stdout.strip()).resolve(), Path(folder).resolve()
        extract(top, context.base, copy)
        yield from compare(context, top, copy)


def extract(top: Path, revision: str, into: Path) -> None:
    """Write the files of a revision into a folder. Raises GitopsError for an unknown revision."""
    archive = into / "archive.tar"
    done = programs.run(
        ["git", "archive", "--format=tar", f"--output={archive}", revision, "--"], top
    )
    if done.returncode == 0:
        done = programs.run(["tar", "--extract", "--file", archive, "--directory", into])
    if done.returncode:
        raise GitopsError(f"--base {revision}: {done.stderr.strip()}")
    archive.unlink()


def compare(context: Context, top: Path, copy: Path) -> Iterator[Finding]:
    """Yield what differs between the overlays now and in a copy of the whole repository."""
    then = {each: copy / each.overlay.folder.relative_to(top) for each in context.rendered}
    # An overlay that is new has nothing in any cluster yet.
    there = [each for each in context.rendered if then[each].is_dir()]
    for rendered, answer in zip(
        there, context.renderer.render(Job(then[each]) for each in there), strict=True
    ):
        before = {identity(each): each for each in map(Object, answer.objects)}
        for each in rendered.objects:
            old = before.get(identity(each))
            for field in FIELDS.get(each.kind, ()) if old else ():
                if old and old.get(*field.split(".")) != each.get(*field.split(".")):
                    message = f"{each.title}: {field} is not what it was at {context.base}"
                    yield rendered.finding("immutable", message, each, hint=HINT)


def identity(each: Object) -> tuple[str, ...]:
    """Return what makes it the same object for a cluster."""
    return each.group, each.kind, each.namespace, each.name
