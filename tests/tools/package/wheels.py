"""The wheel of the linter, and those of what it needs, made of what is installed here."""

from __future__ import annotations

import os
import subprocess
import sys
import zipfile
from importlib import metadata
from pathlib import Path

from tools.command import ROOT

NEEDED = ("click", "pyyaml")


def build(folder: Path, renderer: Path = ROOT / ".tools" / "renderer") -> Path:
    """Build the wheel as `make package` does, and return its path."""
    argv = [sys.executable, "-m", "hatchling", "build", "--target", "wheel"]
    subprocess.run(
        [*argv, "--directory", str(folder)],
        cwd=ROOT / "tools" / "package",
        env={**os.environ, "RENDERER": str(renderer)},
        check=True,
        capture_output=True,
    )
    (wheel,) = folder.glob("kustomize_gitops-*.whl")
    return wheel


def pack(name: str, folder: Path) -> Path:
    """Write the wheel that an installed package came from."""
    found = metadata.distribution(name)
    told = found.read_text("WHEEL") or ""
    tag = next(line.removeprefix("Tag: ") for line in told.splitlines() if line.startswith("Tag"))
    wheel = folder / f"{name}-{found.version}-{tag}.whl"
    with zipfile.ZipFile(wheel, "w") as archive:
        for file in found.files or ():
            if ".." not in file.parts and file.suffix != ".pyc":
                archive.write(str(file.locate()), str(file))
    return wheel


def install(wheel: Path, folder: Path) -> Path:
    """Install a wheel into an empty environment, without a network; return its programs."""
    uv, place = str(ROOT / ".tools" / "uv" / "bin" / "uv"), folder / "environment"
    for name in NEEDED:
        pack(name, folder)
    quiet = [uv, "--quiet", "--offline", "--no-config"]
    subprocess.run([*quiet, "venv", "--python", sys.executable, str(place)], check=True)
    argv = [*quiet, "pip", "install", "--no-index", "--no-cache", "--find-links", str(folder)]
    subprocess.run([*argv, "--python", str(place), str(wheel)], check=True)
    return place / "bin"
