"""The interface of a scanner: a module that reports findings, and what it has checked."""

import re
from collections.abc import Iterable
from dataclasses import dataclass
from typing import Protocol

from tools.command import ToolError
from tools.scan.material import Material, Place, careless, is_careless


@dataclass(frozen=True, order=True)
class Finding:
    """A control, by its scanner's own id, that something fails."""

    place: Place
    control: str


Found = dict[Finding, str]  # with the scanner's message


@dataclass(frozen=True)
class Report:
    """What a scanner found, and everything that it checked."""

    found: Found
    scanned: set[Place]


class Scanner(Protocol):
    """The names that the module of a scanner defines."""

    NAME: str
    CONTROLS: re.Pattern[str]  # what its ids look like, and no other scanner's do
    FILES: tuple[str, ...]  # which of the repository's files it reads
    PROOF: frozenset[Finding]  # of the careless fixture: one for each kind of thing it reads

    def absent(self) -> str:
        """Return why it cannot run and what to do about it, or nothing if it can."""

    def scan(self, material: Material) -> Report:
        """Return its report; raise ToolError if it has none."""


def gather(findings: Iterable[tuple[Finding, str]]) -> Found:
    """Return each finding once, with all its messages."""
    found: dict[Finding, dict[str, None]] = {}
    for finding, message in findings:
        found.setdefault(finding, {})[message] = None
    return {finding: "; ".join(messages) for finding, messages in found.items()}


def prove(scanner: Scanner, material: Material) -> Found:
    """Return what a scanner finds, if in the same run it checks everything and rejects a fixture.

    A scanner that is misled by a setting, a version or a file it cannot read finds nothing, too.
    """
    given = (material | careless()).only(scanner.FILES)
    report = scanner.scan(given)
    if unscanned := given.unscanned(report.scanned):
        raise ToolError(f"{scanner.NAME} checked nothing in {', '.join(unscanned)}")
    if passed := sorted(scanner.PROOF - report.found.keys()):
        missed = ", ".join(f"{accepted.control} in {accepted.place}" for accepted in passed)
        raise ToolError(f"{scanner.NAME} missed {missed}: its results cannot be trusted")
    return {
        finding: message
        for finding, message in report.found.items()
        if not is_careless(finding.place)
    }
