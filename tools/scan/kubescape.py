"""Kubescape, which fetches its rules when it runs: the controls of NSA and MITRE."""

import argparse
import re
import shutil
from pathlib import Path

from tools import overlay
from tools.command import ROOT, exit_with, say
from tools.scan.target import attempt, show

# Plain `scan` would ignore the threshold. Nothing is submitted to anybody.
PROGRAM = ("kubescape", "scan", "framework", "nsa,mitre", "--keep-local")

# Of a server that cannot be reached. A release that is not there says something else, and fails.
NO_RULES = re.compile(r"error getting: \S+ from: '\S+' ,error: Get ")


def check() -> str:
    """Return a line for the summary: every overlay passes NSA and MITRE, or why it was left out.

    Raises ToolError if one has not.
    """
    if not shutil.which("kubescape"):
        return "kubescape: left out: it is not installed: `make downloads NAMES=kubescape`"
    why = attempt("kubescape", NO_RULES, "its rules could not be fetched")
    return (
        f"kubescape: left out: {why}" if why else "kubescape: every overlay has all of NSA, MITRE"
    )


def scan(rules: str, threshold: int, *of: str | Path) -> None:
    """Raise ToolError if less than this percentage of the controls, of a release, is met."""
    limit = f"--compliance-threshold={threshold}"
    show(*PROGRAM, f"--controls-version={rules}", limit, *of)


def arguments(prog: str, description: str | None) -> str:
    """Return the release of the rules that the command line names."""
    parser = argparse.ArgumentParser(prog=prog, description=description)
    parser.add_argument("--controls-version", metavar="TAG", required=True, help="of the rules")
    return str(parser.parse_args().controls_version)


def main() -> None:
    """Run the tool: every overlay has to meet all controls."""
    rules = arguments("python -m tools.scan.kubescape", __doc__)
    for file in overlay.write(ROOT / ".build" / "overlays"):
        say(f"kubescape: {file.stem}")
        scan(rules, 100, file)


if __name__ == "__main__":
    exit_with(main)
