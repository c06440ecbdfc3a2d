"""Charts and other repositories, whose objects are not known here."""

from __future__ import annotations

from collections.abc import Callable, Iterable

from gitops.objects import Object, dig

NOTE = "what names objects that a chart or another repository may make"


def may_fill(things: Iterable[Object], namespace: str, is_own: Callable[[str], bool]) -> bool:
    """Tell whether a chart, or another repository, makes objects in a namespace, by these.

    `is_own` tells whether a URL is that of this repository.
    """
    every = list(things)
    urls = {
        each.name: str(each.get("spec", "url", default=""))
        for each in every
        if each.kind == "GitRepository"
    }
    targets = (fills(each, urls, is_own) for each in every)
    return any(
        target is not None and (not namespace or target in ("", namespace)) for target in targets
    )


def tell(skipped: dict[str, str], overlay: str) -> None:
    """Note, once, that nobody can tell what there is in an overlay."""
    told = skipped.setdefault("dangling", f"{NOTE}: in {overlay}")
    if overlay not in told.partition(": in ")[2].split(", "):
        skipped["dangling"] = f"{told}, {overlay}"


def fills(thing: Object, urls: dict[str, str], is_own: Callable[[str], bool]) -> str | None:
    """Return the namespace that an object fills from elsewhere; empty if it may be any.

    None if it fills none. `urls` are those of Flux's repositories, by their names.
    """
    spec = thing.data.get("spec") or {}
    if thing.kind in ("HelmRelease", "HelmChart"):
        return str(spec.get("targetNamespace") or thing.namespace)
    if thing.kind == "Kustomization" and spec.get("targetNamespace"):
        kind, name = (dig(spec, "sourceRef", key) for key in ("kind", "name"))
        is_here = kind == "GitRepository" and is_own(urls.get(str(name), ""))
        return None if is_here else str(spec["targetNamespace"])
    if thing.kind == "Subscription" and thing.group == "operators.coreos.com":
        return thing.namespace  # where the operator is installed
    if thing.kind == "Application" and thing.group == "argoproj.io":
        sources = [spec.get("source") or {}, *(spec.get("sources") or [])]
        if any("chart" in each or not is_own(str(each.get("repoURL", ""))) for each in sources):
            return str((spec.get("destination") or {}).get("namespace") or "")
    return None
