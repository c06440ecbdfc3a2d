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
