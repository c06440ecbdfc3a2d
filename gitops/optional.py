"""Components that no overlay includes, each as a part of an overlay that could include it.

A component cannot be rendered alone, so `gitops.yaml` says which overlays stand in for those that
will include it. It is included after those of the same folder, or at the end if there are none.
"""

from __future__ import annotations

import os
from collections.abc import Iterator
from copy import copy
from dataclasses import replace

from yaml.nodes import MappingNode, ScalarNode, SequenceNode

from gitops import nodes
from gitops.config import Config
from gitops.kustomization import Kustomization
from gitops.overlays import Overlay
from gitops.repository import Repository

# The annotation of a component that needs a newer Kubernetes than the overlays do.
MINIMUM = "minimum-kubernetes"
TEXT, LIST = "tag:yaml.org,2002:str", "tag:yaml.org,2002:seq"


def unused(repository: Repository) -> list[Kustomization]:
    """Return the components that no overlay includes."""
    included = {part for overlay in repository.overlays for part in overlay.tree}
    return [
        each
        for each in repository.kustomizations.values()
        if each.is_component and each not in included
    ]


def variants(repository: Repository, config: Config) -> Iterator[Overlay]:
    """Yield each of these components as a part of the overlays that are declared for it."""
    for component in unused(repository):
        name = repository.relative(component.folder)
        for entry in config.optional:
            if entry.means(name):
                entry.used = True
                for overlay in repository.overlays:
                    if any(overlay.is_named(each) for each in entry.only):
                        yield including(repository, overlay, component)


def including(repository: Repository, overlay: Overlay, component: Kustomization) -> Overlay:
    """Return an overlay with one more component."""
    own = overlay.top.own
    added = [part for part in repository.tree(component) if part not in overlay.tree]
    found = replace(
        overlay,
        name=f"{overlay.name} with {repository.relative(component.folder)}",
        tree=(*overlay.tree, *added),
        files={own.source: nodes.write([extended(own, component)])},
        component=component,
    )
    return repository.prepare(found)


def extended(top: Kustomization, component: Kustomization) -> MappingNode:
    """Return the document of a kustomization with one more component."""
    entry = ScalarNode(TEXT, os.path.relpath(component.folder, top.folder))
    listed = nodes.get(top.node, "components")
    entries = list(listed.value) if isinstance(listed, SequenceNode) else []
    siblings = [
        index
        for index, each in enumerate(entries)
        if (top.folder / nodes.text(each)).resolve().parent == component.folder.parent
    ]
    entries.insert(siblings[-1] + 1 if siblings else len(entries), entry)
    result = copy(top.node)
    result.value = [(key, value) for key, value in top.node.value if key.value != "components"]
    result.value.append((ScalarNode(TEXT, "components"), SequenceNode(LIST, entries)))
    return result


def supports(overlay: Overlay, version: str) -> bool:
    """Tell whether the component of a variant is for a Kubernetes version, by its annotation.

    An overlay that includes such a component is for every version: it may not be.
    """
    if overlay.component is None:
        return True
    metadata = overlay.component.data.get("metadata") or {}
    least = str((metadata.get("annotations") or {}).get(MINIMUM, "0.0"))
    return not version[0].isdigit() or minor(version) >= minor(least)


def minor(version: str) -> tuple[int, ...]:
    """Return major and minor of a version, for comparison."""
    return tuple(int(part) for part in version.split(".")[:2])
