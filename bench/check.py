"""Compare the CPU time of `gitops check` with that of the bare programs that it is made of.

The bare programs are `kustomize build` for each overlay and kubeconform on all of them for each
Kubernetes version. They are run in turn with the check, without its cache and with what the run
before has left there, on this repository and on a generated one with many overlays. CPU time is
that of all processes. The medians are printed as a Markdown table.
"""

from __future__ import annotations

import argparse
import os
import statistics
import subprocess
import sys
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from resource import RUSAGE_CHILDREN, getrusage

from bench import repository
from gitops.kubeconform import versions_of
from gitops.repository import Repository as Kustomizations
from tools.command import ROOT, exit_with, say
from tools.setup import crds, schemas

HEAD = """| Repository | bare programs | check, `--no-cache` | ratio | with its cache | ratio |
| --- | ---: | ---: | ---: | ---: | ---: |"""
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

    def checked(self, *options: str) -> None:
        """Run `gitops check` with all rules, in a new Python process."""
        argv: list[str | Path] = [sys.executable, "-m", "gitops", "check", self.root, "--json"]
        argv += options
        argv += [f"-{each}" for each in LOCATIONS]
        subprocess.run(argv, cwd=ROOT, check=True, stdout=subprocess.DEVNULL)

    def measure(self, versions: tuple[str, ...]) -> str:
        """Return a row of the table, after a round that fills the caches."""
        times: list[tuple[float, float, float]] = []
        for _ in range(1 + self.rounds):
            start = spent()
            self.bare(versions)
            bare = spent()
            self.checked("--no-cache")
            checked = spent()
            self.checked()
            times.append((bare - start, checked - bare, spent() - checked))
        bare, checked, again = (statistics.median(each) for each in zip(*times[1:], strict=True))
        return (
            f"| {self.title} | {bare:.2f} s | {checked:.2f} s | {checked / bare:.2f} "
            f"| {again:.2f} s | {again / bare:.2f} |"
        )


def spent() -> float:
    """Return the CPU time in seconds of all processes that were run so far."""
    used = getrusage(RUSAGE_CHILDREN)
    return used.ru_utime + used.ru_stime


@contextmanager
def repositories(rounds: int, overlays: int, apps: int) -> Iterator[list[Repository]]:
    """Yield this repository and the generated one, which has fewer rounds."""
    own = [each.folder for each in Kustomizations.open(ROOT / "k8s").overlays]
    with tempfile.TemporaryDirectory() as folder:
        many = repository.generate(Path(folder), overlays, apps)
        yield [
            Repository(f"this one, {len(own)} overlays", ROOT / "k8s", own, rounds),
            Repository(
                f"generated, {len(many)} overlays of {repository.OBJECTS * apps} objects",
                Path(folder),
                many,
                max(1, rounds // 5),
            ),
        ]


def main() -> None:
    """Run the benchmark."""
    parser = argparse.ArgumentParser(prog="python -m bench.check", description=__doc__)
    parser.add_argument("--rounds", type=int, default=15)
    parser.add_argument("--overlays", type=int, default=30, help="of the generated repository")
    parser.add_argument("--apps", type=int, default=10, help="of four objects, in each overlay")
    asked = parser.parse_args()
    rounds: int = asked.rounds
    schemas.ensure()
    versions = versions_of((schemas.LOCATION,))
    with repositories(rounds, asked.overlays, asked.apps) as found:
        rows = [each.measure(versions) for each in found]
    load = ", ".join(f"{each:.1f}" for each in os.getloadavg())
    say(f"{rounds} rounds, {os.cpu_count()} cores, load {load}\n")
    say("\n".join([HEAD, *rows]))


if __name__ == "__main__":
    exit_with(main)
