"""The values at the named places: a rendering with names, matched with one with values."""

import json
import re
from dataclasses import dataclass, field
from typing import Any

from tools.chart.sources import NAMESPACE, Objects

NAME = re.compile(r"<([a-zA-Z][\w.]*)>")
OWN = {"namespace", "checksum"}  # of the release, whatever the values are

ABSENT = object()


def named(node: Any) -> str | None:
    """Return the name that a node consists of, if it does."""
    found = NAME.fullmatch(node) if isinstance(node, str) else None
    return found[1] if found else None


@dataclass
class Match:
    """The values found, by their names, and the places where no name explains the difference."""

    values: dict[str, Any] = field(default_factory=dict)
    differences: list[str] = field(default_factory=list)

    def bind(self, name: str, value: Any, where: str) -> None:
        """Record a value; all places of a name must agree."""
        if name in OWN:
            return
        if value is ABSENT:
            self.differences.append(f"{where}: is missing")
        elif self.values.setdefault(name, value) != value:
            other = json.dumps(self.values[name])
            self.differences.append(f"{where}: {json.dumps(value)}, and {other} elsewhere")

    def node(self, pattern: Any, actual: Any, where: str) -> None:
        """Match one node with another."""
        if name := named(pattern):
            self.bind(name, actual, where)
        elif isinstance(pattern, dict) and isinstance(actual, dict):
            self.mapping(pattern, actual, where)
        elif isinstance(pattern, list) and isinstance(actual, list) and len(pattern) == len(actual):
            for number, (one, other) in enumerate(zip(pattern, actual, strict=True)):
                self.node(one, other, f"{where}[{number}]")
        elif pattern is ABSENT or actual is ABSENT:
            self.differences.append(f"{where}: is {'missing' if actual is ABSENT else 'added'}")
        elif pattern != actual:
            self.differences.append(f"{where}: {json.dumps(actual)}, not {json.dumps(pattern)}")

    def mapping(self, pattern: dict[str, Any], actual: dict[str, Any], where: str) -> None:
        """Match one map with another; what the pattern does not have may be one named value."""
        rest = {key: value for key, value in actual.items() if key not in pattern}
        for key, value in pattern.items():
            if name := named(key):
                self.bind(name, rest, where)
                rest = {}
            else:
                empty = {} if isinstance(value, dict) else ABSENT
                self.node(value, actual.get(key, empty), f"{where}.{key}")
        for key, value in rest.items():
            self.node(ABSENT, value, f"{where}.{key}")


def match(pattern: Objects, actual: Objects, namespace: str) -> Match:
    """Return the values that a rendering has at the named places of another."""
    text = json.dumps(list(pattern.values())).replace(NAMESPACE, namespace)
    known = {
        (manifest["kind"], manifest["metadata"]["name"]): manifest for manifest in json.loads(text)
    }
    found = Match()
    for kind, name in {**known, **actual}:
        one, other = known.get((kind, name), ABSENT), actual.get((kind, name), ABSENT)
        found.node(one, other, f"{kind}/{name}")
    return found
