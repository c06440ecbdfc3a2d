"""Amounts that the cluster refuses, or that cannot be met: of memory and cores, and of pods."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

from gitops.checks.context import Context, Rendered
from gitops.checks.unknown import is_open
from gitops.findings import Finding, Severity
from gitops.objects import Object, dig
from gitops.quantities import quantity

LARGE = ("i", "k", "M", "G", "T", "P", "E")  # the ends of suffixes for more than one
BYTES = ("memory", "ephemeral-storage", "storage")
Found = Iterator[tuple[str, Any, str, Severity]]  # message, value, hint, how much it matters


def check(context: Context) -> Iterator[Finding]:
    """Yield each amount that is no quantity, or that another one contradicts."""
    for rendered in context.rendered:
        for each in rendered.objects:
            try:
                yield from of(rendered, each)
            except (AttributeError, TypeError, ValueError):
                continue  # a malformed object is another rule's


def of(rendered: Rendered, thing: Object) -> Iterator[Finding]:
    """Yield what is wrong with the amounts of an object."""
    for where, resources in resources_of(thing):
        for message, value, hint, severity in [*unreadable(resources), *contrary(resources)]:
            text = f"{thing.title}, {where}: {message}"
            yield rendered.finding("conflict", text, thing, value, hint, severity)
    if thing.kind == "HorizontalPodAutoscaler":
        least, most = thing.get("spec", "minReplicas"), thing.get("spec", "maxReplicas")
        if isinstance(least, int) and isinstance(most, int) and least > most:
            text = f"{thing.title}: minReplicas is {least}, and maxReplicas is {most}"
            yield rendered.finding("conflict", text, thing, least, "raise one or lower the other")


def resources_of(thing: Object) -> Iterator[tuple[str, dict[str, Any]]]:
    """Yield what containers and claims request, with where that is."""
    for container in thing.containers():
        yield f"container {container.get('name')}", container.get("resources") or {}
    for claim in thing.get("spec", "volumeClaimTemplates", default=[]):
        name = dig(claim, "metadata", "name")
        yield f"claim {name}", dig(claim, "spec", "resources", default={})
    if thing.kind == "PersistentVolumeClaim":
        yield "spec", thing.get("spec", "resources", default={})


def unreadable(resources: dict[str, Any]) -> Found:
    """Yield what is no quantity, or none of whole bytes: `m` is a thousandth.

    The cluster warns of a part of a byte, and rounds it up.
    """
    for section in ("requests", "limits"):
        for name, value in dig(resources, section, default={}).items():
            number = quantity(value)
            if is_open(value) or value is None:
                continue
            if number is None:
                hint = "write a number, with a suffix such as m, k, M, G, Ki, Mi or Gi"
                yield f"{section}: {name} {value} is no quantity", value, hint, Severity.ERROR
            elif name in BYTES and number % 1 and str(value).endswith(LARGE):
                hint = "write it in a smaller unit: the cluster rounds it up"
                message = f"{section}: {name} {value} is no whole number of bytes"
                yield message, value, hint, Severity.WARNING
            elif name in BYTES and number % 1:
                hint = "write M or Mi for millions of bytes: m is a thousandth"
                message = f"{section}: {name} {value} is a part of a byte"
                yield message, value, hint, Severity.ERROR


def contrary(resources: dict[str, Any]) -> Found:
    """Yield each request that is above its limit."""
    limits = resources.get("limits") or {}
    for name, value in dig(resources, "requests", default={}).items():
        least, most = quantity(value), quantity(limits.get(name))
        if least is not None and most is not None and least > most:
            hint = "the cluster refuses it: raise the limit or lower the request"
            message = f"requests: {name} {value} is above its limit {limits[name]}"
            yield message, value, hint, Severity.ERROR
