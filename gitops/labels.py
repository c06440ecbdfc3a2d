"""Label selectors: what they select, and how they are written."""

from __future__ import annotations

from typing import Any


def matches(selector: dict[str, Any], labels: dict[str, str]) -> bool:
    """Tell whether a label selector, with expressions or without, selects these labels."""
    wanted = selector.get("matchLabels") or {}
    if any(labels.get(key) != value for key, value in wanted.items()):
        return False
    for each in selector.get("matchExpressions") or []:
        value, values = labels.get(each.get("key")), each.get("values") or []
        met = {
            "In": value in values,
            "NotIn": value not in values,
            "Exists": value is not None,
            "DoesNotExist": value is None,
        }
        if not met.get(each.get("operator"), False):
            return False
    return True


def words(selector: dict[str, Any]) -> str:
    """Return a selector in the notation of kubectl."""
    pairs = sorted((selector.get("matchLabels") or {}).items())
    parts = [f"{key}={value}" for key, value in pairs]
    for each in selector.get("matchExpressions") or []:
        values = ",".join(each.get("values") or [])
        parts.append(f"{each.get('key')} {each.get('operator')} {values}".strip())
    return ",".join(parts)
