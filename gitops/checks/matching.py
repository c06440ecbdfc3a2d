"""The pods that a selector selects, and the finding that it selects none."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from typing import Any

from gitops.checks.world import World, is_same
from gitops.findings import Finding, Severity
from gitops.labels import words
from gitops.objects import Object, select

Selector = dict[str, Any]


def selected(world: World, thing: Object, selector: Selector) -> list[Object]:
    """Return the workloads that a selector selects in the namespace of an object.

    They are those of its overlay, or else of others that a cluster may have together with it.
    """

    def near(among: Iterable[Object]) -> list[Object]:
        own = (each for each in among if is_same(each.namespace, thing.namespace))
        return select(own, selector)

    return near(world.rendered.objects) or near(world.all)


def nothing(
    world: World,
    thing: Object,
    where: str,
    selector: Selector,
    namespace: str | None = None,
    severity: Severity = Severity.WARNING,
) -> Iterator[Finding]:
    """Yield a finding for a selector that selects nothing, unless nobody can tell.

    It is an error if the selector is misspelt: what has an effect on some pods only does no harm
    where there are none.
    """
    there = thing.namespace if namespace is None else namespace
    if not world.has_pods(selector, there):
        message = f"{where} selects nothing: {words(selector)}"
        misspelt = world.is_almost_a_pod(selector.get("matchLabels") or {})
        how = Severity.ERROR if misspelt else severity
        yield world.finding(thing, message, odd(world, selector), how)


def odd(world: World, selector: Selector) -> str:
    """Return a value of a selector that no pod has, to find its line; else any of its values."""
    labels = [each.pod_labels for each in world.all if each.pods]
    wanted = selector.get("matchLabels") or {}
    for key, value in wanted.items():
        if not any(each.get(key) == value for each in labels):
            return str(value)
    for each in selector.get("matchExpressions") or []:
        for value in each.get("values") or []:
            if not any(other.get(each.get("key")) == value for other in labels):
                return str(value)
    return str(next(iter(wanted.values()), ""))
