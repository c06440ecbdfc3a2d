"""Write the SBOM of an image as CycloneDX and SPDX, with Trivy, offline.

A list that lacks a package of requirements.txt is refused: it would vouch for less than is there.
"""

import argparse
import json
import re
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from packaging.requirements import Requirement
from packaging.utils import canonicalize_name

from tools.command import ROOT, ToolError, exit_with, failure, run, say
from tools.scan import trivy

FORMATS = {"cdx": "cyclonedx", "spdx": "spdx-json"}
PYTHON = re.compile(r"pkg:pypi/([^@]+)@")


def names(document: dict[str, Any]) -> set[str]:
    """Return the Python packages that a CycloneDX or SPDX document lists."""
    urls = [str(component.get("purl", "")) for component in document.get("components", [])]
    urls += [
        str(reference.get("referenceLocator", ""))
        for package in document.get("packages", [])
        for reference in package.get("externalRefs", [])
    ]
    return {canonicalize_name(found[1]) for found in map(PYTHON.match, urls) if found}


def needed(requirements: str) -> set[str]:
    """Return the packages that a requirements file pins for this kind of machine."""
    lines = re.findall(r"(?m)^([\w.\[\]-]+==[^\\\n]+)", requirements)
    pinned = [Requirement(line.strip()) for line in lines]
    return {
        canonicalize_name(requirement.name)
        for requirement in pinned
        if not requirement.marker or requirement.marker.evaluate()
    }


def write(image: Sequence[str], folder: Path, name: str) -> list[Path]:
    """Write the documents of an image, and return where they are.

    The image is what Trivy's command line names it: an address, or `--input` and an archive's path.
    Raises ToolError if a document lacks a package.
    """
    if why := trivy.absent():
        raise ToolError(f"no SBOM: {why}")
    folder.mkdir(parents=True, exist_ok=True)
    wanted = needed((ROOT / "requirements.txt").read_text(encoding="utf-8"))
    written: list[Path] = []
    for ending, kind in FORMATS.items():
        file = folder / f"{name}.{ending}.json"
        file.unlink(missing_ok=True)
        argv = ["image", "--quiet", "--format", kind, *trivy.SILENT, "--output", str(file), *image]
        done = run([trivy.program() or trivy.NAME, *argv])
        if done.returncode:
            raise failure(done, f"trivy: {image[-1]}")
        if lacking := wanted - names(json.loads(file.read_text(encoding="utf-8"))):
            file.unlink()
            raise ToolError(f"the SBOM of {image[-1]} lacks {', '.join(sorted(lacking))}")
        written.append(file)
    return written


def main() -> None:
    """Run the tool."""
    parser = argparse.ArgumentParser(prog="python -m tools.release.sbom", description=__doc__)
    parser.add_argument("--image", required=True, help="in Docker, or in a registry")
    parser.add_argument("--name", required=True, help="of the files, without their endings")
    parser.add_argument("--folder", type=Path, required=True)
    given = parser.parse_args()
    for file in write([given.image], given.folder, given.name):
        say(f"{file}: {file.stat().st_size // 1024} KiB")


if __name__ == "__main__":
    exit_with(main)
