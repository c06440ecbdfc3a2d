"""Time `gitops check` against the bare programs that it contains.

The bare programs are a `kustomize build` of each overlay and a kubeconform run of all of them for
each Kubernetes version. The two are run in turn, so that whatever else the machine does slows both;
the figures are medians.
"""

from __future__ import annotations

import argparse
import os
import statistics
import subprocess
import sys
import tempfile
import time
from pathlib import Path

from gitops.checks.schema import available
from tools import crds, overlay, schemas
from tools.command import ROOT, exit_with, say


def bare(versions: tuple[str, ...]) -> None:
    """Run kustomize for each overlay and kubeconform for each version."""
    tools = ROOT / ".tools"
    with tempfile.TemporaryDirectory() as folder:
        files = []
        for env in overlay.environments():
            files.append(Path(folder) / f"{env}.yaml")
            argv = [f"{tools}/kustomize", "build", str(ROOT / overlay.OVERLAYS / env)]
            with files[-1].open("wb") as file:
                subprocess.run(argv, check=True, stdout=file)
        for version in versions:
            locations = ["-schema-location", schemas.LOCATION, "-schema-location", crds.LOCATION]
            argv = [f"{tools}/kubeconform", "-strict", "-output", "json", *locations]
            argv += ["-kubernetes-version", version, *map(str, files)]
            subprocess.run(argv, check=True, stdout=subprocess.DEVNULL)


def checked() -> None:
    """Run the whole of `gitops check`, Python's start included."""
    argv = [sys.executable, "-m", "gitops", "check", "k8s", "--json"]
    subprocess.run(argv, cwd=ROOT, check=True, stdout=subprocess.DEVNULL)


def main() -> None:
    """Run the benchmark."""
    parser = argparse.ArgumentParser(prog="python -m bench.check", description=__doc__)
    parser.add_argument("--rounds", type=int, default=15)
    rounds: int = parser.parse_args().rounds
    schemas.ensure()
    versions = available((schemas.LOCATION,))
    bare(versions)
    checked()
    times: dict[str, list[float]] = {"bare": [], "check": []}
    for _ in range(rounds):
        start = time.perf_counter()
        bare(versions)
        between = time.perf_counter()
        checked()
        times["bare"].append(between - start)
        times["check"].append(time.perf_counter() - between)
    medians = {name: statistics.median(each) for name, each in times.items()}
    load = ", ".join(f"{each:.1f}" for each in os.getloadavg())
    say(f"{rounds} rounds, {os.cpu_count()} cores, load {load}")
    for name, each in times.items():
        say(f"{name:<6} median {medians[name]:.2f} s, {min(each):.2f} to {max(each):.2f} s")
    say(f"check takes {medians['check'] / medians['bare']:.2f} times the bare programs")


if __name__ == "__main__":
    exit_with(main)
