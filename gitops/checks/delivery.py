"""What Argo CD, Flux and the controllers of Secrets and certificates are pointed at."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Any

from gitops import remotes
from gitops.checks.unknown import is_open
from gitops.checks.world import World
from gitops.findings import Finding
from gitops.objects import Object, dig


def application(world: World, thing: Object) -> Iterator[Finding]:
    """Yield the paths of an Argo CD Application, in this repository, that do not exist."""
    if thing.group == "argoproj.io":
        for each in sources(thing):
            if each.get("path") and str(each.get("repoURL")) in here(world):
                yield from pointed(world, thing, str(each["path"]))


def here(world: World) -> set[str]:
    """Return the URLs under which Applications name this repository.

    Where none is that of a remote, they are those of which some path exists.
    """
    named: dict[str, list[str]] = {}
    for thing in world.all:
        if thing.kind == "Application" and thing.group == "argoproj.io":
            for each in sources(thing):
                if each.get("path"):
                    named.setdefault(str(each.get("repoURL")), []).append(str(each["path"]))
    return remotes.own(
        named,
        world.context.repository.deliveries.remotes,
        lambda url: any(is_folder(world, path) for path in named[url]),
    )


def application_set(world: World, thing: Object) -> Iterator[Finding]:
    """Yield the folders of this repository that an ApplicationSet looks for and do not exist."""
    generators = [each.get("git") or {} for each in thing.get("spec", "generators", default=[])]
    for each in generators:
        paths = [it.get("path") for it in each.get("directories") or [] if not it.get("exclude")]
        if str(each.get("repoURL")) in sets_here(world):
            for path in (str(path) for path in paths if path and not is_open(path)):
                if not any(folder.is_dir() for folder in matching(world, path)):
                    yield world.finding(thing, f"directories: there is no folder {path}", path)


def sets_here(world: World) -> set[str]:
    """Return the URLs under which generators of ApplicationSets name this repository."""
    named: dict[str, list[str]] = {}
    for thing in world.all:
        if thing.kind == "ApplicationSet" and thing.group == "argoproj.io":
            for each in thing.get("spec", "generators", default=[]):
                git = each.get("git") or {}
                paths = [str(it.get("path")) for it in git.get("directories") or []]
                named.setdefault(str(git.get("repoURL")), []).extend(paths)
    return remotes.own(
        named,
        world.context.repository.deliveries.remotes,
        lambda url: any(any(matching(world, path)) for path in named[url]),
    )


def matching(world: World, path: str) -> Iterator[Path]:
    """Yield what a path with wildcards, from the top of the clone, stands for."""
    relative = path.removeprefix("./").strip("/")
    return world.context.repository.top.glob(relative) if relative else iter(())


def sources(thing: Object) -> list[dict[str, Any]]:
    """Return the sources of an Application."""
    several = thing.get("spec", "sources", default=[])
    return [each for each in (thing.get("spec", "source"), *several) if isinstance(each, dict)]


def flux(world: World, thing: Object) -> Iterator[Finding]:
    """Yield the path, sources and values of a Flux Kustomization that do not exist."""
    if not thing.group.startswith("kustomize.toolkit.fluxcd.io"):
        return
    path, source = str(thing.get("spec", "path", default="")), thing.get("spec", "sourceRef")
    same = [
        each
        for each in world.all
        if (each.group, each.kind) == (thing.group, thing.kind)
        and each.get("spec", "sourceRef") == source
        and is_folder(world, str(each.get("spec", "path", default="")))
    ]
    if path and same:
        yield from pointed(world, thing, path)
    yield from referred(world, thing, "sourceRef", source)
    yield from depends(world, thing)
    for each in thing.get("spec", "postBuild", "substituteFrom", default=[]):
        if not each.get("optional"):
            yield from world.reference(
                thing, str(each.get("kind")), each.get("name"), "substituteFrom"
            )


def release(world: World, thing: Object) -> Iterator[Finding]:
    """Yield the values, source and dependencies of a HelmRelease that do not exist."""
    for each in thing.get("spec", "valuesFrom", default=[]):
        if not each.get("optional"):
            kind, name = str(each.get("kind")), each.get("name")
            yield from world.reference(thing, kind, name, "valuesFrom")
    source = thing.get("spec", "chart", "spec", "sourceRef")
    yield from referred(world, thing, "sourceRef", source)
    yield from referred(world, thing, "chartRef", thing.get("spec", "chartRef"))
    yield from depends(world, thing)


def referred(world: World, thing: Object, where: str, source: Any) -> Iterator[Finding]:
    """Yield a finding if the source that an object of Flux names does not exist."""
    kind, name, namespace = (dig(source, key) for key in ("kind", "name", "namespace"))
    yield from world.reference(thing, str(kind), name, where, namespace)


def depends(world: World, thing: Object) -> Iterator[Finding]:
    """Yield what an object waits for and does not exist."""
    for each in thing.get("spec", "dependsOn", default=[]):
        kind, namespace = thing.kind, each.get("namespace")
        yield from world.reference(thing, kind, each.get("name"), "dependsOn", namespace)


def pointed(world: World, thing: Object, path: str) -> Iterator[Finding]:
    """Yield a finding if a path of this repository does not exist."""
    if not is_open(path) and not is_folder(world, path):
        yield world.finding(thing, f"path: there is no folder {path}", path)


def is_folder(world: World, path: str) -> bool:
    """Tell whether a path, from the top of the clone, is a folder of this repository."""
    relative = path.removeprefix("./").strip("/")
    return bool(relative) and (world.context.repository.top / relative).is_dir()


def external_secret(world: World, thing: Object) -> Iterator[Finding]:
    """Yield a finding if the store of an ExternalSecret is misspelt."""
    store = thing.get("spec", "secretStoreRef", default={})
    kind = str(store.get("kind", "SecretStore"))
    yield from world.reference(thing, kind, store.get("name"), "secretStoreRef")


def certificate(world: World, thing: Object) -> Iterator[Finding]:
    """Yield a finding if the issuer of a Certificate is misspelt."""
    issuer = thing.get("spec", "issuerRef", default={})
    kind = str(dig(issuer, "kind", default="Issuer"))
    yield from world.reference(thing, kind, issuer.get("name"), "issuerRef")


KINDS = {
    "Application": application,
    "ApplicationSet": application_set,
    "Certificate": certificate,
    "ExternalSecret": external_secret,
    "HelmRelease": release,
    "Kustomization": flux,
}
