"""Generators without a hash in the name: no pod is restarted when what it reads has changed."""

from __future__ import annotations

from collections.abc import Iterator

from gitops import nodes
from gitops.checks.context import Context, Rendered
from gitops.findings import Finding, Severity
from gitops.kustomization import Kustomization
from gitops.objects import Object, dig
from gitops.settings import GENERATED, Scope

# The pods of others begin anew each time, or are nobody's to restart.
KINDS = ("Deployment", "StatefulSet", "DaemonSet", "Rollout")
OFF = "disableNameSuffixHash"
# Of controllers that restart pods themselves, such as reloader.stakater.com.
RELOADERS = ("reload", "wave.pusher.com")
SOURCES = {
    "ConfigMap": ("configMapRef", "configMapKeyRef"),
    "Secret": ("secretRef", "secretKeyRef"),
}
HINT = f"remove `{OFF}`, or let something else restart the pods"


def check(context: Context) -> Iterator[Finding]:
    """Yield each generator whose hash is switched off, if pods read it as they start."""
    for rendered in context.rendered:
        for part in rendered.overlay.tree:
            for kind, name, line in switched_off(part):
                scope = Scope(kind, name)
                made = (each for each in rendered.objects if scope.has(each.kind, each.name))
                # With a hash, another kustomization has switched it on again.
                for each in (it for it in made if it.plain_name == it.name):
                    if users := ", ".join(user.title for user in readers(rendered, each)):
                        message = (
                            f"{each.title} has no hash: a changed value does not restart {users}"
                        )
                        overlays = (rendered.overlay.name,)
                        yield Finding(
                            *(part.file, line, "conflict", message, overlays, HINT, Severity.NOTE)
                        )


def switched_off(part: Kustomization) -> Iterator[tuple[str, str, int]]:
    """Yield kind and name of what is generated without a hash, and the line that says so."""
    common = nodes.get(part.node, "generatorOptions")
    for key, kind in GENERATED.items():
        for _, generator in nodes.items(nodes.get(part.node, key)):
            for said in (nodes.get(generator, "options"), common):
                if nodes.text(nodes.get(said, OFF)) == "true":
                    yield kind, nodes.text(nodes.get(generator, "name")), nodes.key_line(said, OFF)
                    break


def readers(rendered: Rendered, source: Object) -> Iterator[Object]:
    """Yield the workloads whose pods have a source in variables, which are set as they start."""
    for each in rendered.objects:
        if each.kind in KINDS and each.namespace == source.namespace:
            try:
                names = {name for it in each.containers() for name in variables(it, source.kind)}
                if source.name in names and not is_reloaded(each):
                    yield each
            except (AttributeError, TypeError, ValueError):
                continue  # a malformed object is another rule's


def variables(container: dict[str, object], kind: str) -> Iterator[str]:
    """Yield the names of the ConfigMaps or Secrets that variables of a container are from."""
    for key, path in (("envFrom", ()), ("env", ("valueFrom",))):
        for entry in dig(container, key, default=[]):
            for field in SOURCES[kind]:
                yield str(dig(entry, *path, field, "name", default=""))


def is_reloaded(workload: Object) -> bool:
    """Tell whether an annotation asks a controller to restart the pods."""
    template = dig(workload.template, "metadata", "annotations", default={})
    annotations = {**workload.get("metadata", "annotations", default={}), **template}
    return any(word in str(name).lower() for name in annotations for word in RELOADERS)
