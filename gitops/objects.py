"""Rendered objects."""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from functools import cached_property
from typing import Any

from gitops import pods
from gitops.labels import matches

# Kustomize ends a generated name with ten characters of this alphabet.
HASH = re.compile(r"-[bcdfghkmt2456789]{10}$")
WORKLOADS = ("Deployment", "StatefulSet", "DaemonSet", "ReplicaSet", "Job", "CronJob", "Pod")
# Kinds that are known to have a namespace.
NAMESPACED = {
    *("ConfigMap", "CronJob", "DaemonSet", "Deployment", "Ingress", "Job", "Pod", "Role"),
    *("NetworkPolicy", "PersistentVolumeClaim", "PodDisruptionBudget", "RoleBinding", "Secret"),
    *("HorizontalPodAutoscaler", "Service", "ServiceAccount", "StatefulSet"),
}


@dataclass(frozen=True, eq=False)
class Object:
    """A rendered object."""

    data: dict[str, Any]

    @property
    def kind(self) -> str:
        """Its kind."""
        return str(self.data.get("kind", ""))

    @property
    def name(self) -> str:
        """Its name, with a generated hash if it has one."""
        return str(self.get("metadata", "name", default=""))

    @property
    def plain_name(self) -> str:
        """Its name without a generated hash."""
        hashed = self.kind in ("ConfigMap", "Secret")
        return without_hash(self.name) if hashed else self.name

    @property
    def namespace(self) -> str:
        """Its namespace, or an empty text."""
        return str(self.get("metadata", "namespace", default=""))

    @property
    def group(self) -> str:
        """Its API group, without the version."""
        return str(self.data.get("apiVersion", "")).rpartition("/")[0]

    @property
    def labels(self) -> dict[str, str]:
        """Its labels."""
        return dict(self.get("metadata", "labels", default={}))

    @cached_property
    def keys(self) -> set[str]:
        """The keys of a ConfigMap or Secret."""
        sections = ("data", "stringData", "binaryData")
        return {key for section in sections for key in self.get(section, default={})}

    @property
    def title(self) -> str:
        """Its kind and name, for messages."""
        return f"{self.kind} {self.plain_name}"

    def get(self, *path: str, default: Any = None) -> Any:
        """Return the value at a path, or the default."""
        return dig(self.data, *path, default=default)

    @cached_property
    def pods(self) -> tuple[dict[str, Any], ...]:
        """The templates of the pods that it makes: mappings with metadata and spec."""
        return pods.templates(self.data)

    @property
    def template(self) -> dict[str, Any] | None:
        """The first of these templates."""
        return self.pods[0] if self.pods else None

    @property
    def pod_labels(self) -> dict[str, str]:
        """The labels of the first of its pods."""
        return dict(dig(self.template, "metadata", "labels", default={}))

    @property
    def is_whole(self) -> bool:
        """Whether its templates say everything about its pods: no controller fills them in."""
        return self.kind in (*WORKLOADS, "Rollout") or all(
            "image" in each for each in self.containers()
        )

    def makes(self, selector: dict[str, Any]) -> bool:
        """Tell whether a label selector selects any of its pods."""
        added = pods.added(self.kind, self.name, selector.get("matchLabels") or {})
        labels = [dig(each, "metadata", "labels", default={}) for each in self.pods]
        return any(matches(selector, {**added, **each}) for each in labels)

    def containers(self) -> Iterator[dict[str, Any]]:
        """Yield the containers of its pods, init containers included."""
        for each in self.pods:
            for key in ("initContainers", "containers"):
                yield from dig(each, "spec", key, default=[])


def without_hash(name: str) -> str:
    """Return the name of a ConfigMap or Secret without the hash that kustomize generates."""
    return HASH.sub("", name)


def dig(value: Any, *path: str, default: Any = None) -> Any:
    """Return the value at a path of nested mappings; the default if it is absent or null."""
    for step in path:
        value = value.get(step) if isinstance(value, dict) else None
    return default if value is None else value


def select(among: Iterable[Object], selector: dict[str, Any]) -> list[Object]:
    """Return the workloads whose pods a selector selects."""
    return [each for each in among if each.makes(selector)]
