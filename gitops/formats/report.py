"""What a check found, and in what: the input of every format."""

from __future__ import annotations

import os
from collections import Counter
from dataclasses import dataclass, field
from pathlib import Path

from gitops.findings import Finding, Severity, counted, place

# The documentation, and the page of a rule, for those who read a report elsewhere.
DOCUMENTATION = "https://github.com/slipway/slipway/blob/main/docs/gitops.md"
PAGES = "https://github.com/slipway/slipway/blob/main/docs/rules"


@dataclass(frozen=True)
class Report:
    """The findings that are shown, and what was checked."""

    found: list[Finding]
    path: Path  # of the folder that was checked, as it was typed
    root: Path  # the same, resolved
    top: Path  # of the clone that it is in
    rules: tuple[str, ...]
    overlays: tuple[str, ...] = ()
    variants: tuple[str, ...] = ()  # overlays with one more component
    components: int = 0  # how many components those have
    kubernetes: tuple[str, ...] = ()
    notes_hidden: int = 0
    known: int = 0  # findings that are in the baseline
    since: str = ""  # a revision: only what a change since then reaches is checked
    unchecked: int = 0  # the overlays that none reaches
    mended: int = 0  # those of the baseline that are no longer found
    skipped: dict[str, str] = field(default_factory=dict)  # rule: why it was not checked
    failures: list[str] = field(default_factory=list)  # of the checks themselves
    seconds: float = 0

    def typed(self, file: Path) -> str:
        """Return the path of a file as it can be opened from where the command was typed."""
        return os.path.normpath(self.path / place(file, self.root))

    def of_clone(self, file: Path) -> str:
        """Return the path of a file relative to the clone."""
        return place(file, self.top if file.is_relative_to(self.top) else self.root)

    @property
    def checked(self) -> str:
        """What was checked, in words."""
        text = counted(len(self.overlays), "overlay")
        if self.components:
            text += f" and {counted(self.components, 'component')}"
        if self.kubernetes:
            text += f", against Kubernetes {', '.join(self.kubernetes)}"
        return text

    @property
    def counts(self) -> str:
        """How much was found of each severity, in words."""
        numbers = Counter(finding.severity for finding in self.found)
        said = [counted(numbers[severity], severity) for severity in Severity if numbers[severity]]
        return ", ".join(said) or "0 findings"

    @property
    def hidden(self) -> list[str]:
        """What was found and is not shown, in words, with the option that changes it."""
        said = []
        if self.unchecked:
            why = f"no change since {self.since} reaches them"
            said.append(f"{counted(self.unchecked, 'overlay')} not checked: {why}")
        if self.notes_hidden:
            said.append(f"{counted(self.notes_hidden, 'note')} not shown: --notes")
        if self.known:
            said.append(f"{counted(self.known, 'finding')} of the baseline not shown")
        if self.mended:
            said.append(f"{self.mended} of the baseline no longer found: --write-baseline")
        return said
