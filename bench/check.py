"""Compare the CPU time of `gitops check` with that of the bare programs that it is made of.

The bare programs are `kustomize build` for each overlay and kubeconform on all of them for each
Kubernetes version. They are run in turn with the check: without its cache, with what the run before
has left there, and with --since for one overlay that has changed, without a cache again. That is
done on this repository and on a generated one with many overlays, or on copies of others. From a
copy is taken what can be rendered by neither here: what must be fetched, and what else the check
sets aside. CPU time is that of all processes; memory is the most that a check's processes have
together. The medians are printed as a Markdown table.
"""

from __future__ import annotations

import argparse
import os
import shutil
import statistics
import subprocess
import sys
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from itertools import pairwise
from pathlib import Path
from resource import RUSAGE_CHILDREN, getrusage

from bench import processes, repository
from gitops import programs
from gitops.aside import prepared
from gitops.config import Config
from gitops.kubeconform import versions_of
from gitops.options import Options
from tools.command import ROOT, exit_with, say
from tools.setup import crds, schemas

HEAD = """| Repository | bare programs | check, `--no-cache` | ratio | with its cache | ratio \
| `--since`, of the check | memory |
| --- | ---: | ---: | ---: | ---: | ---: | ---: | ---: |"""
# kubeconform and `gitops check` have the same option; the latter has two dashes.
LOCATIONS = [f"-schema-location={each}" for each in (schemas.LOCATION, crds.LOCATION)]
GIT = ["git", "-c", "user.name=bench", "-c", "user.email=bench@example.com"]
# Nobody is there: whatever would be fetched fails at once.
OFFLINE = {"GIT_ALLOW_PROTOCOL": "none", "HTTP_PROXY": "127.0.0.1:9", "HTTPS_PROXY": "127.0.0.1:9"}


@dataclass(frozen=True)
class Repository:
    """A repository to check, and the number of its rounds. One that is a copy may be changed."""

    title: str
    root: Path
    overlays: dict[Path, Options]  # their folders
    rounds: int
    is_copy: bool = True

    def bare(self, versions: tuple[str, ...]) -> None:
        """Run kustomize for each overlay and kubeconform for each version; they may find faults."""
        tools = ROOT / ".tools"
        quiet = subprocess.DEVNULL
        with tempfile.TemporaryDirectory() as folder:
            for number, (overlay, options) in enumerate(self.overlays.items()):
                with Path(folder, f"{number}.yaml").open("wb") as file:
                    argv: list[str | Path] = [tools / "kustomize", "build", overlay]
                    argv += flags(options)
                    env = os.environ | OFFLINE
                    subprocess.run(argv, check=False, stdout=file, stderr=quiet, env=env)
            for version in versions:
                argv = [tools / "kubeconform", "-strict", "-output", "json"]
                argv += [*LOCATIONS, "-kubernetes-version", version, folder]
                subprocess.run(argv, check=False, stdout=quiet)

    def checked(self, *options: str) -> int:
        """Run `gitops check` with all rules, in a new Python process; return its peak in bytes."""
        argv: list[str | Path] = [sys.executable, "-m", "gitops", "check", self.root, "--json"]
        argv += [*options, *(f"-{location}" for location in LOCATIONS)]
        return processes.run(argv, ROOT)

    def committed(self) -> None:
        """Make a commit of a copy, and change one of its overlays since."""
        for argv in (["init", "--quiet"], ["add", "--all"], ["commit", "--quiet", "-m", "all"]):
            subprocess.run([*GIT, *argv], cwd=self.root, check=True)
        file = next(next(iter(self.overlays)).glob("[Kk]ustomization*"))
        file.write_text(f"{file.read_text(encoding='utf-8')}\n# changed\n", encoding="utf-8")

    def measure(self, versions: tuple[str, ...]) -> str:
        """Return a row of the table, after a check that fills the cache."""
        times: list[tuple[float, ...]] = []
        most = 0
        if self.is_copy:
            self.committed()
        self.checked()
        for _ in range(self.rounds):
            moments = [spent()]
            self.bare(versions)
            moments.append(spent())
            most = max(most, self.checked("--no-cache"))
            moments.append(spent())
            self.checked()
            moments.append(spent())
            if self.is_copy:
                self.checked("--since=HEAD", "--no-cache")
            moments.append(spent())
            times.append(tuple(end - start for start, end in pairwise(moments)))
        bare, checked, again, since = map(statistics.median, zip(*times, strict=True))
        part = f"{since / checked:.2f}" if self.is_copy else ""
        return (
            f"| {self.title} | {bare:.2f} s | {checked:.2f} s | {checked / bare:.2f} "
            f"| {again:.2f} s | {again / bare:.2f} | {part} | {most >> 20} MiB |"
        )


def spent() -> float:
    """Return the CPU time in seconds of all processes that were run so far."""
    used = getrusage(RUSAGE_CHILDREN)
    return used.ru_utime + used.ru_stime


@contextmanager
def repositories(rounds: int, overlays: int, apps: int) -> Iterator[list[Repository]]:
    """Yield this repository and the generated one, which has fewer rounds."""
    own = built(ROOT / "k8s")
    with tempfile.TemporaryDirectory() as folder:
        many = dict.fromkeys(repository.generate(Path(folder), overlays, apps), Options())
        yield [
            Repository(f"this one, {len(own)} overlays", ROOT / "k8s", own, rounds, is_copy=False),
            Repository(
                f"generated, {len(many)} overlays of {repository.OBJECTS * apps} objects",
                Path(folder),
                many,
                max(1, rounds // 5),
            ),
        ]


@contextmanager
def copies(paths: list[Path], rounds: int) -> Iterator[list[Repository]]:
    """Yield copies of some repositories, without their histories and what cannot be rendered."""
    with tempfile.TemporaryDirectory() as folder:
        found = []
        for number, path in enumerate(paths):
            root = Path(folder, str(number), path.name).resolve()
            shutil.copytree(path, root, symlinks=True, ignore=shutil.ignore_patterns(".git"))
            left, many = take_out(root), built(root)
            title = f"{path.name}, {len(many)} overlays"
            title += f", without what must be fetched or made ({left})" if left else ""
            found.append(Repository(title, root, many, rounds))
        yield found


def take_out(root: Path) -> int:
    """Take out of a copy what the check sets aside; return the number of these entries."""
    left = set()
    for overlay in prepared(root, Config.read(root)).overlays:
        left |= {(why.file, why.line, why.what) for why in overlay.aside}
        for file, text in overlay.files.items():
            if file.is_file():  # not what an Application adds to one
                file.write_text(text, encoding="utf-8")
    return len(left)


def built(root: Path) -> dict[Path, Options]:
    """Return the folders of a repository's overlays, with what each of them is built with."""
    overlays = prepared(root, Config.read(root)).overlays
    return {overlay.folder: overlay.options for overlay in overlays}


def flags(options: Options) -> list[str]:
    """Return options as `kustomize build` takes them."""
    found = ["--load-restrictor", "LoadRestrictionsNone"] if options.unrestricted else []
    if options.helm:
        found += ["--enable-helm", "--helm-command", programs.find("helm")]
    return found


def main() -> None:
    """Run the benchmark."""
    parser = argparse.ArgumentParser(prog="python -m bench.check", description=__doc__)
    parser.add_argument("paths", nargs="*", type=Path, help="other repositories, instead of both")
    parser.add_argument("--rounds", type=int, default=15)
    parser.add_argument("--overlays", type=int, default=30, help="of the generated repository")
    parser.add_argument("--apps", type=int, default=10, help="of four objects, in each overlay")
    asked = parser.parse_args()
    rounds: int = asked.rounds
    schemas.ensure()
    versions = versions_of((schemas.LOCATION,))
    made = repositories(rounds, asked.overlays, asked.apps)
    with copies(asked.paths, rounds) if asked.paths else made as found:
        rows = [each.measure(versions) for each in found]
    load = ", ".join(f"{each:.1f}" for each in os.getloadavg())
    say(f"{rounds} rounds, {os.cpu_count()} cores, load {load}\n")
    say("\n".join([HEAD, *rows]))


if __name__ == "__main__":
    exit_with(main)
