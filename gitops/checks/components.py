"""Components that no overlay includes: what they are to change is in no overlay of the repository.

They are not rendered, so only names are compared, with those of everything that is.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from functools import partial

from yaml.nodes import Node

from gitops import nodes, optional
from gitops.checks.context import Context
from gitops.checks.unknown import is_misspelt, is_open
from gitops.findings import Finding, Severity
from gitops.images import split
from gitops.kustomization import Kustomization
from gitops.objects import Object

HINT = "correct the name, or name the overlays that may include it under `optional`"


def check(context: Context) -> Iterator[Finding]:
    """Yield each image and each target of a patch that nothing rendered has."""
    checked = {each.component for each in context.variants}
    objects = [each for rendered in context.rendered for each in rendered.objects]
    is_known = objects and not any(rendered.overlay.aside for rendered in context.rendered)
    for component in optional.unused(context.repository):
        if component in checked or any(component.included()):
            continue  # what it brings along, it may change
        for line, what, name, known in asked(component, objects):
            if is_known or is_misspelt(name, known):
                severity = Severity.ERROR if is_misspelt(name, known) else Severity.WARNING
                message = f"{what} matches nothing in any overlay, and none includes this component"
                yield Finding(component.file, line, "inert", message, (), HINT, severity)


def asked(
    component: Kustomization, objects: list[Object]
) -> Iterator[tuple[int, str, str, set[str]]]:
    """Yield what a component names and no object has: line, what, name, and the names there are."""
    containers = [container for each in objects for container in each.containers()]
    images = {split(str(container.get("image")))[0] for container in containers}
    for _, entry in nodes.items(nodes.get(component.node, "images")):
        name = nodes.text(nodes.get(entry, "name"))
        if name and not is_open(name) and name not in images:
            yield nodes.line(entry), f"image {name}", name, images
    for key in ("patches", "patchesJson6902"):
        for _, entry in nodes.items(nodes.get(component.node, key)):
            target = nodes.get(entry, "target")
            name, kind = (nodes.text(nodes.get(target, field)) for field in ("name", "kind"))
            is_target = partial(aims, target)
            if name and not is_open(name) and not any(map(is_target, objects)):
                same = {each.name for each in objects if each.kind == kind}
                yield nodes.line(target), f"target {kind} {name}".replace("  ", " "), name, same


def aims(target: Node | None, thing: Object) -> bool:
    """Tell whether a target of a patch is for an object, by its kind and name."""
    wanted = [(nodes.text(nodes.get(target, key)), getattr(thing, key)) for key in ("kind", "name")]
    try:
        return all(not pattern or re.fullmatch(pattern, has) for pattern, has in wanted)
    except re.error:
        return True  # kustomize refuses it where it is rendered
