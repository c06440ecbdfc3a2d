"""Comments that accept a finding where it is: `# gitops: ignore RULE reason`.

A comment beside a line is about that line, one on a line of its own about the next. Where that line
begins an entry of a list, it is about the whole entry: the finding is at the key that is wrong.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from pathlib import Path

from gitops.findings import RULES, Finding, Severity

COMMENT = re.compile(r"(?:^|\s)#\s*gitops:\s*ignore\b\s*(?P<rule>[\w-]*)[\s:]*(?P<reason>.*)")

BLANK = ("", "---")


@dataclass(eq=False)
class Ignore:
    """A comment, and whether a finding has needed it."""

    file: Path
    line: int
    rule: str
    reason: str
    lines: frozenset[int]  # that it is about
    used: bool = False

    @property
    def fault(self) -> str:
        """What is wrong with it, if anything: then it accepts nothing."""
        if self.rule not in RULES:
            return f"`# gitops: ignore` needs a rule, not {self.rule!r}: {', '.join(RULES)}"
        return "" if self.reason else f"`# gitops: ignore {self.rule}` needs a reason after it"

    def accepts(self, finding: Finding) -> bool:
        """Tell whether it is about a finding."""
        return finding.rule == self.rule and finding.line in self.lines and not self.fault


class Ignores:
    """The comments of the files that were read."""

    def __init__(self, files: Iterable[Path]) -> None:
        self._by_file = {file: [*read(file)] for file in files}

    def accept(self, finding: Finding) -> bool:
        """Tell whether a comment accepts a finding."""
        if finding.file not in self._by_file:
            self._by_file[finding.file] = [*read(finding.file)]
        found = [comment for comment in self._by_file[finding.file] if comment.accepts(finding)]
        for comment in found:
            comment.used = True
        return bool(found)

    def faulty(self) -> Iterator[Finding]:
        """Yield the comments that lack something."""
        for comment in self._comments():
            if comment.fault:
                yield Finding(comment.file, comment.line, "configuration", comment.fault)

    def unused(self, rules: set[str]) -> Iterator[Finding]:
        """Yield the comments about some rules that no finding has needed."""
        for comment in self._comments():
            if comment.rule in rules and not comment.used and not comment.fault:
                message = f"`# gitops: ignore {comment.rule}`: no longer needed here"
                severity, hint = Severity.WARNING, "remove it"
                yield Finding(
                    comment.file, comment.line, "configuration", message, (), hint, severity
                )

    def _comments(self) -> Iterator[Ignore]:
        for comments in self._by_file.values():
            yield from comments


def read(file: Path) -> Iterator[Ignore]:
    """Yield the comments of a file; there are none in one that is no text."""
    try:
        text = file.read_text(encoding="utf-8-sig")
    except (OSError, UnicodeDecodeError):
        return
    lines = text.splitlines() if "gitops:" in text else []
    for number, line in enumerate(lines, 1):
        if found := COMMENT.search(line):
            first = next_line(lines, number) if is_comment(line) else number
            about = {number, *entry(lines, first)}
            reason = found["reason"].strip()
            yield Ignore(file, number, found["rule"], reason, frozenset(about))


def next_line(lines: list[str], number: int) -> int:
    """Return the number of the first line after another one that is more than a comment.

    A line that begins a document has nothing of its own.
    """
    following = enumerate(lines[number:], number + 1)
    return next(
        (n for n, line in following if line.strip() not in BLANK and not is_comment(line)), number
    )


def entry(lines: list[str], first: int) -> Iterator[int]:
    """Yield the number of a line, and those of the rest of the entry of a list that it begins."""
    yield first
    start = indentation(lines[first - 1])
    if f"{lines[first - 1]} "[start:].startswith("- "):
        for number, line in enumerate(lines[first:], first + 1):
            if line.strip() and indentation(line) <= start:
                break
            yield number


def indentation(line: str) -> int:
    """Return how many spaces a line begins with."""
    return len(line) - len(line.lstrip())


def is_comment(line: str) -> bool:
    """Tell whether a line is a comment only."""
    return line.lstrip().startswith("#")
