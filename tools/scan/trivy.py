"""Trivy: every misconfiguration, of any severity, that its built-in checks see.

No package registry has it, so a machine may lack it: then it is left out, and a line says so.
"""

import json
import os
import re
import shutil
from pathlib import Path

from tools.command import ROOT, failure, run
from tools.scan.material import Material, Place, tree
from tools.scan.scanner import Finding, Report, gather
from tools.scan.target import show
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
BUILD = ROOT / ".build"
SEVERE = ("--quiet", "--severity", "HIGH,CRITICAL", "--format", "json")
VULNERABLE = ("image", "--scanners", "vuln", "--ignore-unfixed")
RELEASES = "https://github.com/aquasecurity/trivy/releases"


def program() -> Path | None:
    """Return the program that TRIVY names, or the one on the PATH."""
    found = shutil.which(os.environ.get("TRIVY") or NAME)
    return Path(found).absolute() if found else None


def absent() -> str:
    """Return why it cannot run: it is not installed, or another version."""
    get = f"put {VERSION} ({RELEASES}) on the PATH, or name it with TRIVY="
    found = program()
    if not found:
        return f"{os.environ.get('TRIVY') or NAME} is not installed: {get}"
    done = run([found, "version", "--format", "json"])
    try:
        version = json.loads(done.stdout)["Version"]
    except (ValueError, KeyError):
        raise failure(done, str(found)) from None
    return "" if version == VERSION else f"{found} is version {version}: {get}"


def scan(material: Material) -> Report:
    """Return what fails, without a request to a server."""
    with tree(material) as files:
        done = files.run([program() or NAME, *ARGUMENTS], missing="install it")
    try:
        return read(done.stdout, files.places)
    except ValueError:
        raise failure(done, NAME) from None


def read(output: str, places: dict[str, Place]) -> Report:
    """Parse the JSON that Trivy prints."""
    results = json.loads(output).get("Results", [])
    findings = [
        (Finding(places[result["Target"]], wrong["ID"]), wrong["Message"])
        for result in results
        for wrong in result.get("Misconfigurations", [])
    ]
    return Report(gather(findings), {places[result["Target"]] for result in results})


def report(name: str, *arguments: str | Path) -> None:
    """Scan once; write .build/NAME.sarif for GitHub's code scanning, and print a table.

    Raises ToolError if anything is HIGH or CRITICAL.
    """
    tool = program() or NAME
    found = BUILD / f"{name}.json"
    show(tool, *arguments, *SEVERE, "--output", found)
    sarif = ("--format", "sarif", "--output", found.with_suffix(".sarif"))
    show(tool, "convert", "--quiet", *sarif, found)
    show(tool, "convert", "--quiet", "--format", "table", "--exit-code", "1", found)
