"""The image that `make save` wrote: its packages, and their known vulnerabilities."""

import re
import tempfile
from pathlib import Path

from tools.command import ROOT, exit_with
from tools.release import sbom
from tools.scan import trivy
from tools.scan.target import attempt

ARCHIVE = ROOT / ".build" / "image.tar"
# Trivy's own words when no server gives it the database and none is on the disk.
NO_DATABASE = re.compile("failed to download vulnerability DB")


def absent() -> str:
    """Return why there is nothing to scan, or nothing to scan it with."""
    return trivy.absent() or ("" if ARCHIVE.exists() else "there is no image yet: `make save`")


def contents() -> str:
    """Return a line for the summary: the SBOMs list every package of requirements.txt.

    Raises ToolError that names each one that a list lacks.
    """
    if why := absent():
        return f"sbom: left out: {why}"
    with tempfile.TemporaryDirectory() as folder:
        # Not in .build/sbom: what is there is attested to the image that is released.
        written = sbom.write(["--input", str(ARCHIVE)], Path(folder), "image")
    kinds = " and ".join(sbom.FORMATS.values())
    return f"sbom: {len(written)} lists ({kinds}) have every package of requirements.txt"


def vulnerabilities() -> str:
    """Return a line for the summary: no vulnerability with a fix is HIGH or CRITICAL.

    Raises ToolError if something is.
    """
    why = absent() or attempt("scan-image", NO_DATABASE, "Trivy's database could not be fetched")
    return f"image: left out: {why}" if why else "image: nothing that has a fix is HIGH or CRITICAL"


def main() -> None:
    """Report the vulnerabilities with a fix of the image. Raises ToolError if there is one."""
    trivy.report("image", *trivy.VULNERABLE, "--input", ARCHIVE)


if __name__ == "__main__":
    exit_with(main)
