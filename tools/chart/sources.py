"""What the chart is made from: renderings of k8s/ with and without each of its parts."""

import itertools
import json
import os
from collections.abc import Iterable
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from typing import Any

import yaml

from gitops.jobs import Job
from gitops.objects import without_hash
from gitops.render import Renderer
from tools import overlay
from tools.command import ROOT, ToolError

HERE = ROOT / "tools" / "chart"
OVERLAY = HERE / "overlay"
COMPONENTS = ROOT / "k8s" / "components"
NAMESPACE = "<namespace>"

Chosen = frozenset[str]
Objects = dict[tuple[str, str], overlay.Object]  # by kind and name


@dataclass(frozen=True)
class Part:
    """A Kustomize component that the chart has or leaves out, and when it has it."""

    name: str
    folder: Path
    condition: str  # as Helm's templates say it


def read(folder: Path) -> dict[str, Any]:
    """Return the kustomization of a folder."""
    loaded: dict[str, Any] = yaml.safe_load((folder / "kustomization.yaml").read_text("utf-8"))
    return loaded


def value(component: str) -> str:
    """Return the name of a component in the chart: network-policy is networkPolicy."""
    first, *others = component.split("-")
    return first + "".join(word.capitalize() for word in others)


def kustomizations(folder: Path) -> list[Path]:
    """Return the folders in a folder that are kustomizations."""
    return sorted(path.parent for path in folder.glob("*/kustomization.yaml"))


@cache
def components() -> tuple[Part, ...]:
    """Return the components of k8s/, each with its switch in the chart."""
    folders = kustomizations(COMPONENTS)
    return tuple(Part(f.name, f, f".Values.components.{value(f.name)}") for f in folders)


@cache
def options() -> tuple[Part, ...]:
    """Return the parts that the chart has when a value is not empty."""
    folders = kustomizations(HERE / "options")
    return tuple(Part(f.name, f, read(f)["metadata"]["annotations"]["when"]) for f in folders)


@cache
def parts() -> tuple[Part, ...]:
    """Return components and options in the order of application: those with patches last."""
    return tuple(sorted(options() + components(), key=lambda part: "patches" in read(part.folder)))


@cache
def base() -> list[overlay.Object]:
    """Return the objects of the base."""
    return overlay.objects(overlay.render(Path("k8s/base")))


def pattern(chosen: Chosen) -> Job:
    """Return the job that renders the chart's overlay with some parts."""
    made = read(OVERLAY)
    made["images"] = [{"name": overlay.image_name(base()), "newName": "<image>"}]
    literals: list[str] = made["configMapGenerator"][0]["literals"]
    present = {literal.partition("=")[0] for literal in literals}
    settings = overlay.find(base(), "ConfigMap")["data"]
    literals += [f"{name}=<settings.{name}>" for name in settings if name not in present]
    return job(made, chosen)


def plain(chosen: Chosen, namespace: str) -> Job:
    """Return the job that renders the base itself with some parts, in a namespace."""
    resources = read(OVERLAY)["resources"]
    rendered = job({"namespace": namespace, "resources": resources}, chosen)
    file = OVERLAY / "namespace.yaml"
    named = file.read_text(encoding="utf-8").replace(NAMESPACE, namespace)
    return Job(rendered.folder, {**rendered.files, file: named})


def job(kustomization: dict[str, Any], chosen: Chosen) -> Job:
    """Return the job that renders a kustomization in the place of the chart's, with some parts."""
    folders = [os.path.relpath(part.folder, OVERLAY) for part in parts() if part.name in chosen]
    text = yaml.safe_dump({**kustomization, "components": folders})
    return Job(OVERLAY, {OVERLAY / "kustomization.yaml": text})


def render(jobs: Iterable[Job]) -> list[Objects | str]:
    """Render jobs; the answers are the objects without hashes in their names, or the error."""
    with Renderer() as renderer:
        return [answer.error or keyed(list(answer.objects)) for answer in renderer.render(jobs)]


def must(rendered: Objects | str, what: str) -> Objects:
    """Return rendered objects. Raises ToolError where there is an error instead."""
    if isinstance(rendered, str):
        raise ToolError(f"{what} does not render: {rendered}")
    return rendered


def keyed(among: list[overlay.Object]) -> Objects:
    """Return objects by kind and name, generated names without their hash, and no Namespace."""
    text = json.dumps(among)
    for name in {
        manifest["metadata"]["name"] for manifest in among if manifest["kind"] == "ConfigMap"
    }:
        text = text.replace(f'"{name}"', f'"{without_hash(name)}"')
    return {
        (manifest["kind"], manifest["metadata"]["name"]): manifest
        for manifest in json.loads(text)
        if manifest["kind"] != "Namespace"
    }


@dataclass(frozen=True)
class Renderings:
    """The chart's overlay with no part, each part and each two of them."""

    of: dict[Chosen, Objects]
    exclusive: tuple[tuple[str, str], ...]  # the parts that do not go together


@cache
def renderings() -> Renderings:
    """Render all that the templates are made from.

    Raises ToolError for a part that does not render alone: nothing else would bring what it needs.
    """
    names = [part.name for part in parts()]
    chosen = [
        frozenset(combination)
        for size in range(3)
        for combination in itertools.combinations(names, size)
    ]
    rendered: dict[Chosen, Objects] = {}
    exclusive: list[tuple[str, str]] = []
    for combination, answer in zip(chosen, render(map(pattern, chosen)), strict=True):
        if isinstance(answer, str) and len(combination) > 1:
            one, other = sorted(combination, key=names.index)
            exclusive.append((one, other))
        else:
            rendered[combination] = must(
                answer, f"the base with {', '.join(combination) or 'nothing'}"
            )
    return Renderings(rendered, tuple(exclusive))
