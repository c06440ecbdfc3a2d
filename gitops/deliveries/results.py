"""What is done to objects after the build: a namespace, metadata, and variables."""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

from gitops import nodes
from gitops.objects import NAMESPACED, dig

# Of a variable with a default, the value counts if it is not empty. Other expressions of the shell
# stay: https://fluxcd.io/flux/components/kustomize/kustomizations/#post-build-variable-substitution
VARIABLE = re.compile(r"(?<!\$)\$\{(?P<name>[A-Za-z_]\w*)(?::?[-=][^{}]*)?\}")
DISABLED = "kustomize.toolkit.fluxcd.io/substitute"


@dataclass(frozen=True)
class Result:
    """What is done to the objects after the build."""

    namespace: str = ""  # of those that have none
    labels: Mapping[str, str] = field(default_factory=dict)
    annotations: Mapping[str, str] = field(default_factory=dict)
    variables: Mapping[str, str] = field(default_factory=dict)
    opened: frozenset[str] = frozenset()  # variables with a value that is filled in before
    has_others: bool = False  # variables, whose values are in the cluster


def applied(data: dict[str, Any], result: Result) -> dict[str, Any]:
    """Return an object as it is applied."""
    if result.variables and not is_left(data):
        data = substituted(data, result.variables)
    metadata = dict(dig(data, "metadata", default={}))
    for key, values in (("labels", result.labels), ("annotations", result.annotations)):
        if values:
            metadata[key] = {**(metadata.get(key) or {}), **values}
    if result.namespace and not metadata.get("namespace") and data.get("kind") in NAMESPACED:
        metadata["namespace"] = result.namespace
    return {**data, "metadata": metadata} if "metadata" in data else data


def is_left(data: dict[str, Any]) -> bool:
    """Tell whether an object asks to be left as it is."""
    marks = (dig(data, "metadata", key, DISABLED) for key in ("labels", "annotations"))
    return "disabled" in marks


def substituted(value: Any, variables: Mapping[str, str]) -> Any:
    """Return a value with the variables that are known; what comes from elsewhere stays open."""
    if isinstance(value, dict):
        return {
            substituted(key, variables): substituted(below, variables)
            for key, below in value.items()
        }
    if isinstance(value, list):
        return [substituted(item, variables) for item in value]
    if not isinstance(value, str) or "${" not in value:
        return value
    text = VARIABLE.sub(lambda found: variables.get(found["name"]) or found[0], value)
    # What is written without quotation marks is read again.
    return nodes.scalar(text) if VARIABLE.fullmatch(value) else text


def read(node: Any, variables: Mapping[str, str]) -> Any:
    """Return a node of a file as it is applied: with the variables that are known."""
    return nodes.mapped(node, lambda text: str(substituted(text, variables)))
