"""Charts and other repositories, whose objects are not known here."""

from __future__ import annotations

from typing import TYPE_CHECKING

from gitops.objects import Object

if TYPE_CHECKING:
    from gitops.checks.world import World

NOTE = "what names objects that a chart or another repository may make"


def may_make(world: World, namespace: str) -> bool:
    """Tell whether a chart, or another repository, may make objects in a namespace."""
    if partial := world.partial(namespace):
        tell(world, partial)
        return True
    for each in world.all:
        target = fills(each)
        if target is not None and (not namespace or target in ("", namespace)):
            tell(world, world.rendered.overlay.name)
            return True
    return False


def tell(world: World, overlay: str) -> None:
    """Note, once, that nobody can tell what there is in an overlay."""
    told = world.context.skipped.setdefault("dangling", f"{NOTE}: in {overlay}")
    if overlay not in told.partition(": in ")[2].split(", "):
        world.context.skipped["dangling"] = f"{told}, {overlay}"


def fills(thing: Object) -> str | None:
    """Return the namespace that an object fills from elsewhere; empty if it may be any.

    None if it fills none.
    """
    spec = thing.data.get("spec") or {}
    if thing.kind in ("HelmRelease", "HelmChart"):
        return str(spec.get("targetNamespace") or thing.namespace)
    if thing.kind == "Application" and thing.group == "argoproj.io":
        sources = [spec.get("source") or {}, *(spec.get("sources") or [])]
        if any("chart" in each for each in sources):
            return str((spec.get("destination") or {}).get("namespace") or "")
    return None
