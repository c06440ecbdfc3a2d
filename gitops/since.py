"""Which overlays a change reaches: through what they include, at any depth.

A path counts that is gone, or was renamed: what names it is reached.
"""

from __future__ import annotations

import os
from collections.abc import Iterable, Iterator
from dataclasses import dataclass, replace
from functools import cached_property
from pathlib import Path

from gitops import nodes
from gitops.charts import charts
from gitops.config import Config
from gitops.findings import Finding
from gitops.kustomization import NAMES, Kustomization, is_remote
from gitops.named import PLUGINS, sources
from gitops.overlays import Overlay
from gitops.repository import Repository
from gitops.revision import Clone


@dataclass(frozen=True)
class Change:
    """The paths that have changed since a revision, and gitops.yaml, which is of every overlay."""

    repository: Repository
    revision: str
    paths: frozenset[Path]
    config: Path

    def reaches(self, overlay: Overlay) -> bool:
        """Tell whether it may change what is found in an overlay."""
        delivered = self.repository.deliveries.files(overlay.folder)
        changed = self.paths & {self.config, *delivered}
        return bool(changed) or not self._touched.isdisjoint(overlay.tree)

    @cached_property
    def _touched(self) -> frozenset[Kustomization]:
        """The kustomizations of whose own files it is."""
        return frozenset(filter(self._touches, self.repository.parts))

    def _touches(self, part: Kustomization) -> bool:
        own = {part.folder / name for name in NAMES} | {*named(part)}
        # A chart, or a folder whose kustomization is gone.
        folders = {path for path in own if path not in self.repository.kustomizations}
        if has_hidden_files(part):
            folders.add(part.folder)
        # A link or a submodule in the place of a folder changes all that is below.
        own |= {folder for path in own for folder in path.parents}
        return any(path in own or not folders.isdisjoint(path.parents) for path in self.paths)

    def restricted(self, findings: Iterable[Finding], overlays: Iterable[Overlay]) -> list[Finding]:
        """Return the findings in overlays that it reaches, and those about files of these.

        A finding about no overlay is about a file: one that has changed, or that they include.
        """
        reached = [overlay for overlay in overlays if self.reaches(overlay)]
        names = {overlay.name for overlay in reached}
        parts = {part for overlay in reached for part in overlay.tree}
        files = {file for part in parts for file in (part.file, *part.files())}
        found = []
        for finding in findings:
            its = tuple(name for name in finding.overlays if name in names)
            if its or (not finding.overlays and finding.file in files | self.paths):
                found.append(replace(finding, overlays=its))
        return found


def changed(repository: Repository, config: Config, revision: str | None) -> Change | None:
    """Return what has changed since a revision, if there is one to compare with.

    Raises GitopsError for an unknown one, and if the repository is in no clone.
    """
    if revision is None:
        return None
    paths = Clone.of(repository.root).changed(revision)
    return Change(repository, revision, paths, config.file)


def named(part: Kustomization) -> Iterator[Path]:
    """Yield the paths that a kustomization names, as they are written and without links."""
    schema = nodes.text(nodes.get(part.node, "openapi", "path"))
    for name in (*part.names(), *(name for _, _, name in sources(part)), schema):
        if name and "\n" not in name and not is_remote(part.folder, name):
            path = part.folder / name
            yield Path(os.path.normpath(path))
            yield path.resolve()


def has_hidden_files(part: Kustomization) -> bool:
    """Tell whether a chart or a plugin may read files that the kustomization does not name."""
    return any(True for _ in charts(part)) or any(nodes.get(part.node, key) for key in PLUGINS)
