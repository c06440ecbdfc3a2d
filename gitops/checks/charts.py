"""Charts and other repositories, whose objects are not known here."""

from __future__ import annotations

from collections.abc import Iterable

from gitops.objects import Object

NOTE = "what names objects that a chart or another repository may make"


def may_fill(things: Iterable[Object], namespace: str) -> bool:
    """Tell whether a chart, or another repository, makes objects in a namespace, by these."""
    targets = (fills(each) for each in things)
    return any(
        target is not None and (not namespace or target in ("", namespace)) for target in targets
    )


def tell(skipped: dict[str, str], overlay: str) -> None:
    """Note, once, that nobody can tell what there is in an overlay."""
    told = skipped.setdefault("dangling", f"{NOTE}: in {overlay}")
    if overlay not in told.partition(": in ")[2].split(", "):
        skipped["dangling"] = f"{told}, {overlay}"


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
