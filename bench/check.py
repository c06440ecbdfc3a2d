"""Compare the time of `gitops check` with that of the bare programs that it is made of.

The bare programs are `kustomize build` for each overlay and kubeconform on all of them for each
Kubernetes version. Both are run in turn, so that other load on the machine slows both, on this
repository and on a generated one with many overlays. The medians are printed as a Markdown table.
"""

from __future__ import annotations

import argparse
import os
import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

from bench import repository
from gitops.kubeconform import versions_of
from gitops.repository import Repository as Kustomizations
from tools.command import ROOT, exit_with, say
from tools.setup import crds, schemas

HEAD = """| Repository | bare programs | `gitops check` | ratio |
| --- | ---: | ---: | ---: |"""
# kubeconform and `gitops check` have the same option; the latter has two dashes.
LOCATIONS = [f"-schema-location={each}" for each in (schemas.LOCATION, crds.LOCATION)]


@dataclass(frozen=True)
class Repository:
    """A repository to check, and the number of its rounds."""

    title: str
    root: Path
    overlays: list[Path]
    rounds: int

    def bare(self, versions: tuple[str, ...]) -> None:
        """Run kustomize for each overlay and kubeconform for each version."""
        tools = ROOT / ".tools"
        with tempfile.TemporaryDirectory() as folder:
            files = []
            for each in self.overlays:
                files.append(Path(folder) / f"{each.name}.yaml")
                with files[-1].open("wb") as file:
                    subprocess.run([tools / "kustomize", "build", each], check=True, stdout=file)
            for version in versions:
                argv: list[str | Path] = [tools / "kubeconform", "-strict", "-output", "json"]
                argv += [*LOCATIONS, "-kubernetes-version", version, *files]
                subprocess.run(argv, check=True, stdout=subprocess.DEVNULL)

    def checked(self) -> None:
        """Run `gitops check` with all rules, in a new Python process."""
        argv: list[str | Path] = [sys.executable, "-m", "gitops", "check", self.root, "--json"]
        argv += [f"-{each}" for each in LOCATIONS]
        subprocess.run(argv, cwd=ROOT, check=True, stdout=subprocess.DEVNULL)

    def measure(self, versions: tuple[str, ...]) -> str:
        """Return a row of the table, after a round that fills the caches."""
        times: list[tuple[float, float]] = []
        for _ in range(1 + self.rounds):
            start = time.perf_counter()
            self.bare(versions)
            between = time.perf_counter()
            self.checked()
            times.append((between - start, time.perf_counter() - between))
        bare, checked = (statistics.median(each) for each in zip(*times[1:], strict=True))
        return f"| {self.title} | {bare:.2f} s | {checked:.2f} s | {checked / bare:.2f} |"


@contextmanager
def repositories(rounds: int) -> Iterator[list[Repository]]:
    """Yield this repository and the generated one, which has fewer rounds."""
    own = [each.folder for each in Kustomizations.open(ROOT / "k8s").overlays]
    with tempfile.TemporaryDirectory() as folder:
        many = repository.generate(Path(folder))
        yield [
            Repository(f"this one, {len(own)} overlays", ROOT / "k8s", own, rounds),
            Repository(
                f"generated, {len(many)} overlays of {repository.OBJECTS} objects",
                Path(folder),
                many,
                max(1, rounds // 5),
            ),
        ]


def main() -> None:
    """Run the benchmark."""
    parser = argparse.ArgumentParser(prog="python -m bench.check", description=__doc__)
    parser.add_argument("--rounds", type=int, default=15)
    rounds: int = parser.parse_args().rounds
    schemas.ensure()
    versions = versions_of((schemas.LOCATION,))
    with repositories(rounds) as found:
        rows = [each.measure(versions) for each in found]
    load = ", ".join(f"{each:.1f}" for each in os.getloadavg())
    say(f"{rounds} rounds, {os.cpu_count()} cores, load {load}\n")
    say("\n".join([HEAD, *rows]))


if __name__ == "__main__":
    exit_with(main)
