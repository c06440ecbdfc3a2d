"""What is scanned: the overlays as they render, and the Dockerfile."""

import os
import re
import subprocess
import tempfile
from collections.abc import Collection, Iterable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from fnmatch import fnmatch
from pathlib import Path

import yaml

from gitops.objects import Object
from tools import overlay
from tools.command import ROOT, run

# A comment "trivy:ignore" would excuse forever: a copy says "trivy-ignore".
LOOK_AWAY = re.compile(r"(?<=\w):(?=ignore\b)")
CARELESS = ROOT / "tests" / "k8s" / "fixtures" / "careless"


@dataclass(frozen=True, order=True)
class Place:
    """An object of an overlay, or a file of the repository, which is in no overlay."""

    overlay: str
    object: str

    def __str__(self) -> str:
        return f"{self.overlay}: {self.object}" if self.overlay else self.object


@dataclass(frozen=True)
class Material:
    """Rendered manifests by overlay, and the text of files by path."""

    overlays: dict[str, str]
    files: dict[str, str]

    def __or__(self, other: "Material") -> "Material":
        return Material(self.overlays | other.overlays, self.files | other.files)

    def only(self, files: Iterable[str]) -> "Material":
        """Return the same overlays with those files only that a pattern matches."""
        kept = {
            path: text
            for path, text in self.files.items()
            if any(fnmatch(path, pattern) for pattern in files)
        }
        return Material(self.overlays, kept)

    def unscanned(self, scanned: Collection[Place]) -> list[str]:
        """Return the overlays and files in which nothing was checked."""
        overlays = {finding.overlay for finding in scanned}
        files = {finding.object for finding in scanned if not finding.overlay}
        return sorted((self.overlays.keys() - overlays) | (self.files.keys() - files))

    def write(self, folder: Path) -> dict[str, Place]:
        """Write every object and file into a file of its own; return the place of each."""
        texts: dict[Place, str] = {}
        for env, text in self.overlays.items():
            for manifest in overlay.objects(text):
                place = Place(env, name(manifest))
                texts[place] = texts.get(place, "") + "---\n" + yaml.safe_dump(manifest)
        texts |= {Place("", path): LOOK_AWAY.sub("-", text) for path, text in self.files.items()}
        written = {path(place): place for place in texts}
        for where, place in written.items():
            (folder / where).parent.mkdir(parents=True, exist_ok=True)
            (folder / where).write_text(texts[place], encoding="utf-8")
        return written


def name(manifest: overlay.Object) -> str:
    """Return the kind and name of an object, without a generated hash."""
    found = Object(manifest)
    return f"{found.kind}/{found.plain_name}"


def path(place: Place) -> str:
    """Return where a place is in the tree that scanners get."""
    return f"overlays/{place.overlay}/{place.object}.yaml" if place.overlay else place.object


def repository() -> Material:
    """Return what this repository ships."""
    overlays = {env: overlay.render(overlay.OVERLAYS / env) for env in overlay.environments()}
    return Material(overlays, {"Dockerfile": (ROOT / "Dockerfile").read_text(encoding="utf-8")})


def careless() -> Material:
    """Return the fixture that every scanner must reject."""
    manifests, dockerfile = (
        (CARELESS / name).read_text(encoding="utf-8") for name in ("manifests.yaml", "Dockerfile")
    )
    return Material({CARELESS.name: manifests}, {f"{CARELESS.name}/Dockerfile": dockerfile})


def is_careless(place: Place) -> bool:
    """Return whether a place is of that fixture."""
    return place.overlay == CARELESS.name or place.object.startswith(f"{CARELESS.name}/")


@dataclass(frozen=True)
class Tree:
    """A folder with the material and nothing else, and the place of each file."""

    folder: Path
    home: Path
    places: dict[str, Place]

    def run(
        self, argv: Sequence[str | Path], *, missing: str, **variables: str
    ) -> subprocess.CompletedProcess[str]:
        """Run a scanner in it, without configuration from the clone, home or environment."""
        env = {"PATH": os.environ["PATH"], "HOME": str(self.home)} | variables
        return run(argv, cwd=self.folder, env=env, missing=missing)


@contextmanager
def tree(material: Material) -> Iterator[Tree]:
    """Provide the material as files, within a block."""
    with tempfile.TemporaryDirectory(prefix="scan-") as temporary:
        folder, home = Path(temporary, "tree"), Path(temporary, "home")
        home.mkdir()
        yield Tree(folder, home, material.write(folder))
