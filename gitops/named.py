"""What a kustomization names: what it includes, patches, plugins, and the files of generators."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

from gitops import nodes
from gitops.charts import charts
from gitops.kustomization import Kustomization, is_remote
from gitops.nodes import Path_

PLUGINS = ("generators", "transformers", "validators")


def demands(part: Kustomization) -> bool:
    """Tell whether options decide what a kustomization renders to."""
    if any(nodes.get(part.node, key) for key in PLUGINS) or any(True for _ in charts(part)):
        return True
    return any(path.is_file() and not path.is_relative_to(part.folder) for path in named(part))


def named(part: Kustomization) -> Iterator[Path]:
    """Yield the paths that a kustomization names: what it includes, patches, plugins, sources."""
    names = [*part.names(), *(name for _, _, name in sources(part))]
    for name in names:
        if name and "\n" not in name and not is_remote(part.folder, name):
            yield absolute(part, name)


def absolute(part: Kustomization, name: str) -> Path:
    """Return the path of what a kustomization names."""
    return (part.folder / name).resolve()


def sources(part: Kustomization) -> Iterator[tuple[Path_, str, str]]:
    """Yield the files of generators: place, key, and name. One of many keys has no key."""
    for kind in ("configMapGenerator", "secretGenerator"):
        for i, node in nodes.items(nodes.get(part.node, kind)):
            for j, file in nodes.items(nodes.get(node, "files")):
                key, _, name = nodes.text(file).rpartition("=")
                yield (kind, i, "files", j), key or Path(name).name, name
            for j, file in nodes.items(nodes.get(node, "envs")):
                yield (kind, i, "envs", j), "", nodes.text(file)
            if single := nodes.text(nodes.get(node, "env")):
                yield (kind, i, "env"), "", single
