"""The values of all renderings at one place, and the part that makes them differ."""

import json
import math
from collections import Counter
from collections.abc import Hashable
from typing import Any

from tools.chart.matching import ABSENT
from tools.chart.sources import Chosen
from tools.command import ToolError

Rows = dict[Chosen, Any]  # by the parts that a rendering has


def same(rows: Rows) -> bool:
    """Return whether all renderings have the same value."""
    return len({json.dumps(value, default=repr) for value in rows.values()}) == 1


def shape(value: Any) -> Hashable:
    """Return the shape of a value: absent, a scalar, or a container that is not empty."""
    if value is ABSENT or not isinstance(value, dict | list):
        return "absent" if value is ABSENT else ("scalar", repr(value))
    return type(value).__name__ if value else ("scalar", repr(value))


def entropy(values: list[Hashable]) -> float:
    """Return the entropy of the values, in bits for all of them."""
    return -sum(n * math.log2(n / len(values)) for n in Counter(values).values())


def split(rows: Rows, parts: list[str]) -> tuple[str, Rows, Rows]:
    """Return the part that explains most of a difference, and the rows with and without it."""
    best: tuple[float, str, Rows, Rows] | None = None
    look_inside = len({shape(value) for value in rows.values()}) == 1
    for part in parts:
        with_it = {chosen: value for chosen, value in rows.items() if part in chosen}
        without = {chosen: value for chosen, value in rows.items() if part not in chosen}
        if not with_it or not without:
            continue
        left = sum(
            entropy([repr(value) if look_inside else shape(value) for value in half.values()])
            for half in (with_it, without)
        )
        if best is None or left < best[0] - 1e-9:  # by more than rounding
            best = left, part, with_it, without
    if best is None:
        raise ToolError(f"no part explains the difference between {list(rows.values())}")
    return best[1:]


def align(rows: Rows) -> list[Rows] | None:
    """Return the rows of each item of the lists, aligned; None if their orders conflict."""
    items = [item for row in rows.values() for item in row]
    if all(isinstance(item, dict) and "name" in item for item in items):
        keys = {chosen: [item["name"] for item in row] for chosen, row in rows.items()}
    elif len({len(row) for row in rows.values()}) == 1:
        keys = {chosen: list(range(len(row))) for chosen, row in rows.items()}
    else:
        keys = {c: [json.dumps(item) for item in row] for c, row in rows.items()}
    merged: list[Any] = []
    for order in sorted(keys.values(), key=len, reverse=True):
        at = 0
        for key in order:
            if key not in merged:
                merged.insert(at, key)
            at = merged.index(key) + 1
    if any([key for key in merged if key in order] != order for order in keys.values()):
        return None
    by_key = {c: dict(zip(keys[c], row, strict=True)) for c, row in rows.items()}
    return [{c: found.get(key, ABSENT) for c, found in by_key.items()} for key in merged]
