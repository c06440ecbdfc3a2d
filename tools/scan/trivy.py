"""Trivy: every misconfiguration, of any severity, that its built-in checks see.

No package registry has it, so a machine may be without it: then it is left out, and said to be.
"""

import json
import os
import re
import shutil
from pathlib import Path

from tools.command import complain, run
from tools.scan.material import Material, Place, tree
from tools.scan.scanner import Finding, Report, gather
from tools.setup import download

NAME = "trivy"
CONTROLS = re.compile("(DS|KSV)-")
FILES: tuple[str, ...] = ("*Dockerfile",)
PROOF = frozenset(
    {
        Finding(Place("careless", "Pod/careless"), "KSV-0017"),
        Finding(Place("", "careless/Dockerfile"), "DS-0002"),
    }
)
# The checks are built in, so another version has other findings.
VERSION = download.known()[NAME].version
SILENT = ("--skip-version-check", "--disable-telemetry")
ARGUMENTS = ("config", "--quiet", "--format", "json", "--skip-check-update", *SILENT, ".")
RELEASES = "https://github.com/aquasecurity/trivy/releases"


def program() -> Path | None:
    """Return the program that TRIVY names, or the one on the PATH."""
    found = shutil.which(os.environ.get("TRIVY") or NAME)
    return Path(found).absolute() if found else None


def absent() -> str:
    """Return why it cannot run: there is none, or one with other checks."""
    get = f"put {VERSION} ({RELEASES}) on the PATH, or name it with TRIVY="
    found = program()
    if not found:
        return f"there is no {os.environ.get('TRIVY') or NAME}: {get}"
    done = run([found, "version", "--format", "json"])
    try:
        version = json.loads(done.stdout)["Version"]
    except (ValueError, KeyError):
        raise complain(done, str(found)) from None
    return "" if version == VERSION else f"{found} is version {version}: {get}"


def scan(material: Material) -> Report:
    """Return what fails, with no question to any server."""
    with tree(material) as files:
        done = files.run([program() or NAME, *ARGUMENTS], missing="install it")
    try:
        return read(done.stdout, files.places)
    except ValueError:
        raise complain(done, NAME) from None


def read(said: str, places: dict[str, Place]) -> Report:
    """Return the report that Trivy's JSON tells."""
    results = json.loads(said).get("Results", [])
    told = [
        (Finding(places[each["Target"]], wrong["ID"]), wrong["Message"])
        for each in results
        for wrong in each.get("Misconfigurations", [])
    ]
    return Report(gather(told), {places[each["Target"]] for each in results})
