"""Scan overlays and Dockerfile, every commit, the packages of the image and the image.

Whatever fails must be excused: k8s/exceptions.yaml excuses a control for an object in some
overlays, or for a file, with a reason, an owner and the last day it holds. One that has expired or
excuses nothing is a fault, as a finding is. Each scanner shows in the same run that it rejects a
fixture which nobody should run. What a scan needs and this machine has not, a program, an image, or
what a server gives, leaves it out, and a line says so.
"""

import argparse
from collections import Counter
from collections.abc import Callable, Collection, Sequence
from concurrent.futures import ThreadPoolExecutor
from datetime import UTC, datetime
from functools import partial

from tools.command import ToolError, exit_with, say
from tools.scan import (
    exceptions,
    image,
    kube_score,
    kubescape,
    leaks,
    licences,
    material,
    trivy,
)
from tools.scan.scanner import Found, Scanner, prove

SCANNERS: tuple[Scanner, ...] = (kube_score, trivy)
# What has no control that could be excused: either it is in order or it is not.
CHECKS: tuple[Callable[[], str], ...] = (
    leaks.check,
    licences.check,
    image.contents,
    image.vulnerabilities,
    kubescape.check,
)


def summary(found: Found, shipped: material.Material) -> str:
    """Return the number of findings of each overlay, and of all the files."""
    counts = Counter(finding.place.overlay for finding in found)
    parts = [f"{env} {counts[env]}" for env in shipped.overlays]
    return f"{', '.join(parts)}, files {counts['']} findings"


def scan(scanners: Sequence[Scanner]) -> Found:
    """Return what the scanners find, side by side; print a line for each."""
    shipped = material.repository()
    found: Found = {}
    with ThreadPoolExecutor() as pool:
        proven = pool.map(partial(prove, material=shipped), scanners)
        for scanner, its in zip(scanners, proven, strict=True):
            say(f"{scanner.NAME}: {summary(its, shipped)}")
            found |= its
    return found


def split(required: Collection[str]) -> tuple[list[Scanner], list[Scanner]]:
    """Return the scanners that run and those left out, with a line for each of these.

    Raises ToolError if a required one is left out.
    """
    running: list[Scanner] = []
    left_out: list[Scanner] = []
    for module in SCANNERS:
        why = module.absent()
        if why and module.NAME in required:
            raise ToolError(f"{module.NAME} is required: {why}")
        if why:
            say(f"{module.NAME}: left out: {why}")
        (left_out if why else running).append(module)
    return running, left_out


def main() -> None:
    """Run the tool."""
    parser = argparse.ArgumentParser(prog="python -m tools.scan", description=__doc__)
    parser.add_argument(
        "--require",
        action="append",
        default=[],
        choices=[module.NAME for module in SCANNERS],
        help="fail if this scanner cannot run",
    )
    required: list[str] = parser.parse_args().require
    exemptions = exceptions.read()
    running, left_out = split(required)
    unjudged = [
        exemption for scanner in left_out for exemption in exceptions.of(scanner, exemptions)
    ]
    found = scan(running)
    faults = exceptions.faults(found, exemptions, datetime.now(UTC).date(), unjudged)
    for line in faults:
        say(f"  {line}")
    if faults:
        raise ToolError(f"{len(faults)} faults: findings and exceptions to fix")
    for check in CHECKS:
        say(check())
    judged = len(exemptions) - len(unjudged)
    say(f"every finding is among the {judged} exceptions of k8s/exceptions.yaml")


if __name__ == "__main__":
    exit_with(main)
