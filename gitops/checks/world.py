"""What a reference may name: objects, what controllers make of them, and what is declared."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from functools import cached_property
from typing import Any

from gitops.checks import charts, cluster, operators, roles
from gitops.checks.context import Context, Rendered
from gitops.checks.custom import is_custom, operates
from gitops.checks.scope import Scope
from gitops.checks.unknown import is_misspelt, is_open
from gitops.findings import Finding, Severity
from gitops.labels import words
from gitops.objects import WORKLOADS, Object, dig

HINT = "correct the name, or declare what the cluster has already under `external` in gitops.yaml"
# Who runs a cluster installs these: a repository of applications need not have them.
PLATFORM = {
    *("ClusterIssuer", "ClusterSecretStore", "Gateway", "GatewayClass", "IngressClass"),
    *("PriorityClass", "RuntimeClass", "StorageClass", "HelmRepository", "OCIRepository"),
    *("GitRepository", "Bucket", "SecretStore", "Issuer", "Middleware", "AnalysisTemplate"),
    *("ClusterTriggerAuthentication", "ClusterAnalysisTemplate", "ExternalArtifact"),
}
# They also refer to what operators, charts and platforms make.
LOOSE = {
    *("HorizontalPodAutoscaler", "VerticalPodAutoscaler", "ScaledObject"),
    *("RoleBinding", "ClusterRoleBinding"),
}


@dataclass(frozen=True, eq=False)
class World:
    """An overlay, in which references are resolved."""

    context: Context
    rendered: Rendered
    scope: Scope

    @cached_property
    def all(self) -> list[Object]:
        """Its objects, and those of the overlays that a cluster may have together with it."""
        others = self.scope.others(self.rendered)
        return [*self.rendered.objects, *(each for other in others for each in other.objects)]

    def partial(self, namespace: str) -> str:
        """Return the name of an overlay, of these, that may have more objects in a namespace."""
        found = (name for name, filled in self._partials if is_same(filled, namespace))
        return next(found, next(self.scope.unknown(self.rendered), ""))

    @cached_property
    def _partials(self) -> list[tuple[str, str]]:
        """The overlays that have more objects than are rendered, and the namespace of them all."""
        return [
            (each.overlay.name, str(each.overlay.top.data.get("namespace") or ""))
            for each in (self.rendered, *self.scope.others(self.rendered))
            if any(why.makes for why in each.overlay.aside)
        ]

    @cached_property
    def made(self) -> set[tuple[str, str, str]]:
        """What controllers make of these objects, by kind, name and namespace."""
        return {made for each in self.all for made in self.scope.made(each)}

    @cached_property
    def _made_secrets(self) -> set[str]:
        return {name for kind, name, _ in self.made if kind == "Secret"}

    @cached_property
    def namespaces(self) -> set[str]:
        """The namespaces of which something is known."""
        known = {each.namespace for each in self.all}
        return known | {each.name for each in self.all if each.kind == "Namespace"} | {""}

    @cached_property
    def known_namespaces(self) -> set[str]:
        """The namespaces that there are, and those that gitops.yaml speaks of."""
        declared = {text for each in self.context.config.external for text in
                    re.findall(r"kubernetes\.io/metadata\.name=([^,]+)", each.what)}  # fmt: skip
        return self.namespaces | set(cluster.NAMESPACES) | declared

    def find(self, kind: str, name: str, namespace: str) -> Object | None:
        """Return the object of this kind and name in a namespace."""
        for each in self.rendered.objects:
            if each.kind == kind and name == each.name and is_meant(each.namespace, namespace):
                return each
        for other, each in self.scope.by_name.get((kind, name), ()):
            if is_meant(each.namespace, namespace) and self.scope.are_together(
                self.rendered, other
            ):
                return each
        return None

    def is_there(self, kind: str, name: str, namespace: str) -> bool:
        """Tell whether a name exists, or may: nobody can tell who does not know the cluster."""
        if self.find(kind, name, namespace) or self.is_external(f"{kind}/{name}"):
            return True
        if (kind, name) in self.scope.created or self.scope.in_broken(self.rendered, name):
            return True
        if is_open(name) or is_open(namespace) or cluster.has(kind, name, namespace):
            return True
        if self._is_claimed(kind, name, namespace) or self.is_made(kind, name, namespace):
            return True
        known = [each.plain_name for each in self.all if each.kind == kind]
        known += cluster.ROLES if kind == "ClusterRole" else ()
        if is_misspelt(name, known) or self._is_misspelt_namespace(namespace):
            return False
        return (
            kind in PLATFORM
            or (kind == "ServiceAccount" and self._is_bundle)
            or namespace not in self.namespaces
            or self._is_partial(namespace)
            or any(self.may_make(each, name, namespace) for each in self.all)
            or any(roles.may_make(each, kind, name, namespace) for each in self.all)
        )

    def is_made(self, kind: str, name: str, namespace: str) -> bool:
        """Tell whether a controller makes an object of this kind and name from one of these."""
        return any((kind, name) == each[:2] and is_same(each[2], namespace) for each in self.made)

    def _is_misspelt_namespace(self, name: str) -> bool:
        known = self.known_namespaces
        return name not in known and is_misspelt(name, known)

    def is_external(self, what: str) -> bool:
        """Tell whether something is declared to exist in the cluster already."""
        return self.context.config.is_external(what, self.rendered.overlay.is_named)

    def reference(
        self, thing: Object, kind: str, name: Any, where: str, namespace: str | None = None
    ) -> Iterator[Finding]:
        """Yield a finding if nothing has the name that a reference gives."""
        there = thing.namespace if namespace is None else namespace
        if name and not self.is_there(kind, str(name), there):
            inside = f" in {there}" if namespace else ""
            message = f"{where}: there is no {kind} {name}{inside}"
            yield self.finding(thing, message, name, self.certainty(thing, kind, str(name)))

    def certainty(self, thing: Object, kind: str, name: str) -> Severity:
        """Return how certain it is that nothing has a name that an object refers to.

        A Secret may be made by hand, so that it is in no repository, as may what the documentation
        describes; an operator or a chart may make what is scaled, or bound, and another program
        what it is given the name of. But a name that is almost there is misspelt, or the prefix
        that the other one has is missing.
        """
        known = {each.plain_name for each in self.all if each.kind == kind}
        is_loose = kind == "Secret" or thing.kind in LOOSE or self._is_foreign(thing, kind, name)
        is_loose = is_loose or (kind, name) in self.scope.described
        if not is_loose and not self._is_argument(thing, name):
            return Severity.ERROR
        others = {"Secret": self._made_secrets, "ClusterRole": set(cluster.ROLES)}
        near = is_misspelt(name, known | others.get(kind, set()))
        # What puts a prefix before a name does so in an overlay.
        own = (each.plain_name for each in self.rendered.objects if each.kind == kind)
        is_part = any(each.endswith(f"-{name}") for each in own)
        return Severity.ERROR if near or is_part else Severity.WARNING

    def _is_foreign(self, thing: Object, kind: str, name: str) -> bool:
        """Tell whether what an object refers to may be installed in another way.

        So may accounts where its overlay has none in the namespace, as those that a cloud has to
        know, and Services where it has neither one nor pods, or of the names that platforms use.
        What is in a file here that no kustomization names was to be included.
        """
        if kind not in ("ServiceAccount", "Service") or (kind, name) in self.scope.forgotten:
            return False
        near = [each for each in self.rendered.objects if is_same(each.namespace, thing.namespace)]
        if kind == "ServiceAccount":
            return all(each.kind != kind for each in near)
        is_empty = not any(each.kind == "Service" or each.pods for each in near)
        return is_empty or bool(cluster.SERVICE.fullmatch(name))

    def _is_argument(self, thing: Object, name: str) -> bool:
        """Tell whether another workload is told a name, as one that it is to make."""
        return any(
            name == str(argument).rpartition("=")[2]
            for each in self.all
            if each is not thing
            for container in each.containers()
            for argument in (*(container.get("command") or []), *(container.get("args") or []))
        )

    def finding(
        self, thing: Object, message: str, value: Any, severity: Severity = Severity.ERROR
    ) -> Finding:
        """Return a finding about a reference of an object."""
        message = f"{thing.title}, {message}"
        return self.rendered.finding("dangling", message, thing, value, HINT, severity)

    def number(self, thing: Object, message: str, port: int) -> Finding:
        """Return a finding about the number of a port, which a container need not declare."""
        return self.finding(thing, message, port, Severity.WARNING)

    def has_pods(self, selector: dict[str, Any], namespace: str) -> bool:
        """Tell whether pods that no template describes may have these labels."""
        labels = selector.get("matchLabels") or {}
        if self.is_external(f"Pods/{words(selector)}") or any(map(is_open, labels.values())):
            return True
        if cluster.has_pods(labels, namespace):
            return True
        if any(operates(each, labels) for each in self.all):
            return True
        return not self.is_almost_a_pod(labels) and self._is_partial(namespace)

    def _is_partial(self, namespace: str) -> bool:
        """Tell, and note, whether a chart or another repository may make more in a namespace."""
        partial = self.partial(namespace)
        is_own = self.context.repository.deliveries.is_own
        if not partial and not charts.may_fill(self.all, namespace, is_own):
            return False
        charts.tell(self.context.skipped, partial or self.rendered.overlay.name)
        return True

    def may_make(self, thing: Object, name: str, namespace: str) -> bool:
        """Tell whether a controller that is not known may make a name from a custom resource."""
        return (
            is_custom(thing)
            and not operators.is_known(thing)
            and name.startswith(thing.name)
            and is_same(thing.namespace, namespace)
        )

    def is_almost_a_pod(self, labels: dict[str, Any]) -> bool:
        """Tell whether a label is misspelt: one letter away from one that pods have."""
        pods = [each.pod_labels for each in self.all]
        keys = {key for each in pods for key in each}
        values = {str(value) for each in pods for value in each.values()}
        return any(
            text not in known and is_misspelt(text, known)
            for key, value in labels.items()
            for text, known in ((key, keys), (str(value), values))
        )

    @cached_property
    def _is_bundle(self) -> bool:
        """Whether the Operator Lifecycle Manager installs it, which makes the accounts."""
        return any(each.kind == "ClusterServiceVersion" for each in self.rendered.objects)

    def _is_claimed(self, kind: str, name: str, namespace: str) -> bool:
        for each in self.all if kind == "PersistentVolumeClaim" else ():
            for claim in each.get("spec", "volumeClaimTemplates", default=[]):
                start = f"{dig(claim, 'metadata', 'name')}-{each.name}"
                if re.fullmatch(rf"{re.escape(start)}-\d+", name):
                    return is_same(each.namespace, namespace)
        return False


def is_meant(own: str, asked: str) -> bool:
    """Tell whether it is certain that an object is the one that is asked for in a namespace.

    A placeholder that is asked for may be filled in with any, in which another one may be.
    """
    return own in ("", asked) or (not is_open(asked) and is_same(own, asked))


def is_same(one: str, other: str) -> bool:
    """Tell whether two namespaces may be one: who applies an object without any chooses it.

    So does whoever fills in a placeholder.
    """
    return one == other or "" in (one, other) or is_open(one) or is_open(other)


def shaped(
    finder: Callable[[World, Object], Iterator[Finding]], world: World, thing: Object
) -> Iterator[Finding]:
    """Yield what a finder finds, or a finding if the object is malformed for its kind.

    What only looks like the template of a pod, in a custom resource, may have a form of its own.
    """
    try:
        yield from finder(world, thing)
    except (AttributeError, TypeError, ValueError):
        if thing.kind in WORKLOADS or not thing.pods:
            yield world.finding(thing, f"it is not a well-formed {thing.kind}", None)


def ports(template: Object, *, named: bool = True) -> set[Any]:
    """Return the names, or the numbers, of the ports that a workload's containers have."""
    key = "name" if named else "containerPort"
    return {
        port.get(key)
        for container in template.containers()
        for port in container.get("ports") or []
        if port.get(key)
    }
