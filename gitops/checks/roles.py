"""What programs may make by themselves, as their roles allow: a password, a certificate."""

from __future__ import annotations

from typing import Any

from gitops.objects import Object

ROLES = ("Role", "ClusterRole")
WRITING = {"create", "*"}
NAMES = {"Secret": {"secrets", "*"}, "ConfigMap": {"configmaps", "*"}}


def may_make(role: Object, kind: str, name: str, namespace: str) -> bool:
    """Tell whether who has a role may make an object.

    Whoever may make any Secret may make this one. ConfigMaps are made by many, for their own
    leases: one must be named.
    """
    if role.kind not in ROLES or kind not in NAMES:
        return False
    if role.kind == "Role" and role.namespace not in ("", namespace) and namespace:
        return False
    return any(allows(rule, kind, name) for rule in role.data.get("rules") or [])


def allows(rule: dict[str, Any], kind: str, name: str) -> bool:
    """Tell whether a rule lets somebody make an object, or says which one is theirs."""
    resources, groups = rule.get("resources") or [], rule.get("apiGroups") or []
    if NAMES[kind].isdisjoint(resources) or {"", "*"}.isdisjoint(groups):
        return False
    named = rule.get("resourceNames") or []
    verbs = {*(rule.get("verbs") or [])}
    if named:
        return name in named and not verbs.isdisjoint({*WRITING, "update", "patch"})
    return kind == "Secret" and not verbs.isdisjoint(WRITING)
