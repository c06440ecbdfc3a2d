"""What an Application's `operationState` says: what was asked for, and what came of it."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any


def asked(operation: Mapping[str, Any], name: str) -> Mapping[str, Any]:
    """Return a part of what was asked for, of which operationState is the outcome."""
    return (operation.get("operation") or {}).get(name) or {}


def is_partial(operation: Mapping[str, Any]) -> bool:
    """Say whether only some of the Application's resources were to be synced."""
    return bool(asked(operation, "sync").get("resources"))


def applied_images(operation: Mapping[str, Any]) -> list[str]:
    """Return the images of what was applied; Argo CD says so since 3."""
    return [
        image
        for each in (operation.get("syncResult") or {}).get("resources") or []
        if "Prune" not in (each.get("status") or "")
        for image in each.get("images") or []
    ]
