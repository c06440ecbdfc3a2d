"""The Helm charts that kustomizations render, and whether they can be rendered here."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

from yaml.nodes import Node

from gitops import nodes, programs
from gitops.kustomization import Kustomization
from gitops.nodes import Path_
from gitops.options import Options

GENERATOR = "HelmChartInflationGenerator"
HOME = "charts"  # kustomize's default
ENABLE = "not rendered without --enable-helm: set it under `build` in gitops.yaml"
HELM = "not rendered: helm is not installed"
NETWORK = "nothing is fetched without --network"


@dataclass(frozen=True)
class Chart:
    """A chart: its name, its version, and the folder that it is in once it is fetched."""

    name: str
    version: str
    folder: Path

    @property
    def title(self) -> str:
        """What to call it."""
        return f"chart {self.name} {self.version}".strip()

    @property
    def is_there(self) -> bool:
        """Whether it need not be fetched."""
        return (self.folder / self.name).is_dir()

    def refused(self, options: Options, *, network: bool) -> str:
        """Return why it cannot be rendered, or an empty text."""
        if not options.helm:
            return ENABLE
        if not self.is_there and not network:
            return f"not in {self.folder.name}/{self.name}, and {NETWORK}"
        return "" if programs.locate("helm") else HELM


def charts(part: Kustomization) -> Iterator[tuple[Path_, Chart]]:
    """Yield the charts that a kustomization names, with their places in it."""
    home = nodes.text(nodes.get(part.node, "helmGlobals", "chartHome")) or HOME
    for i, node in nodes.items(nodes.get(part.node, "helmCharts")):
        yield ("helmCharts", i), chart(part, node, home)
    for i, node in nodes.items(nodes.get(part.node, "helmChartInflationGenerator")):
        yield ("helmChartInflationGenerator", i), chart(part, node, home)


def chart(part: Kustomization, node: Node, home: str = "") -> Chart:
    """Return the chart that an entry, or a generator of its own, names.

    Kustomize fetches a version of a repository into a folder with the version in its name.
    """

    def text(*keys: str) -> str:
        return next(filter(None, (nodes.text(nodes.get(node, key)) for key in keys)), "")

    name, version = text("name", "chartName"), text("version", "chartVersion")
    folder = part.folder / (text("chartHome") or home or HOME)
    if version and text("repo", "chartRepoUrl"):
        folder /= f"{name}-{version}"
    return Chart(name, version, folder)
