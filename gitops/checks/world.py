"""What a reference may name: the objects of an overlay, and what gitops.yaml declares."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from typing import Any

from gitops.checks.context import Context, Rendered
from gitops.findings import Finding
from gitops.objects import Object, dig

HINT = "correct the name, or declare what the cluster has already under `external` in gitops.yaml"
# Kinds whose controllers make a Secret, and where they say its name.
SECRET_MAKERS = {
    "ExternalSecret": ("spec", "target", "name"),
    "SealedSecret": ("metadata", "name"),
    "Certificate": ("spec", "secretName"),
}


@dataclass(frozen=True, eq=False)
class World:
    """An overlay, in which references are resolved."""

    context: Context
    rendered: Rendered

    def find(self, kind: str, name: str, namespace: str) -> Object | None:
        """Return the object of this kind and name in a namespace."""
        for each in self.rendered.objects:
            if each.kind == kind and name == each.name and each.namespace in (namespace, ""):
                return each
        return None

    def is_there(self, kind: str, name: str, namespace: str) -> bool:
        """Tell whether a name exists: rendered, made by a controller, or declared external."""
        if self.find(kind, name, namespace) or (kind == "Secret" and self._is_made(name)):
            return True
        return self.is_external(f"{kind}/{name}")

    def is_external(self, what: str) -> bool:
        """Tell whether something is declared to exist in the cluster already."""
        return self.context.config.is_external(what, self.rendered.overlay.environment)

    def reference(self, thing: Object, kind: str, name: Any, where: str) -> Iterator[Finding]:
        """Yield a finding if nothing has the name that a reference gives."""
        if name and not self.is_there(kind, str(name), thing.namespace):
            yield self.finding(thing, f"{where}: there is no {kind} {name}", name)

    def finding(self, thing: Object, message: str, value: Any) -> Finding:
        """Return a finding about a reference of an object."""
        return self.rendered.finding("dangling", f"{thing.title}, {message}", thing, value, HINT)

    def _is_made(self, name: str) -> bool:
        for each in self.rendered.objects:
            path = SECRET_MAKERS.get(each.kind)
            if path and name in (dig(each.data, *path), each.name if path[0] == "spec" else None):
                return True
        return False


def shaped(
    finder: Callable[[World, Object], Iterator[Finding]], world: World, thing: Object
) -> Iterator[Finding]:
    """Yield what a finder finds, or a finding if the object is malformed for its kind."""
    try:
        yield from finder(world, thing)
    except (AttributeError, TypeError, ValueError):
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
