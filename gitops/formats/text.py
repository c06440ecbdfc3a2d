"""Findings for people, by file, with their severity and in colour."""

from __future__ import annotations

from collections.abc import Iterator
from itertools import groupby
from pathlib import Path

from gitops.findings import Finding, Severity, worst_first
from gitops.formats.report import Report
from gitops.output import bold, faint, green, red, yellow

COLOURS = {Severity.ERROR: red, Severity.WARNING: yellow, Severity.NOTE: faint}
NAMED = 3  # overlays of a finding that are named, unless all are asked for
AROUND = 2  # lines of a file that are shown around the one of a finding


def text(report: Report, *, verbose: bool = False) -> str:
    """Return the findings and the summary as lines; `verbose` quotes the files."""
    return "\n".join([*listed(report, verbose=verbose), *summary(report)])


def listed(report: Report, *, verbose: bool) -> Iterator[str]:
    """Yield the findings by file, those with the worst first, and what was not checked."""
    hints: set[str] = set()
    for file, findings in groupby(worst_first(report.found), key=lambda finding: finding.file):
        where = report.typed(file)
        for finding in findings:
            severity = COLOURS[finding.severity](finding.severity)
            message = f"{finding.message}{overlays(finding, verbose=verbose)}"
            at, rule = bold(f"{where}:{finding.line}"), faint(f"({finding.rule})")
            yield f"{at}: {severity}: {message} {rule}"
            if verbose:
                yield from quoted(file, finding.line)
            if finding.hint and (verbose or finding.hint not in hints):
                yield faint(f"    {finding.hint}")
                hints.add(finding.hint)
        yield ""
    for rule, reason in report.skipped.items():
        yield faint(f"not checked: {rule}: {reason}")


def overlays(finding: Finding, *, verbose: bool) -> str:
    """Return the overlays of a finding, in brackets."""
    names = [*finding.overlays]
    if not verbose and len(names) > NAMED + 1:
        names = [*names[:NAMED], f"and {len(names) - NAMED} more"]
    return f" [{', '.join(names)}]" if names else ""


def quoted(file: Path, line: int) -> Iterator[str]:
    """Yield the lines around one of a file."""
    try:
        lines = file.read_text(encoding="utf-8").splitlines()
    except (OSError, UnicodeDecodeError):
        return
    first = max(1, line - AROUND)
    for number, content in enumerate(lines[first - 1 : line + AROUND], first):
        shown = f"  {'>' if number == line else ' '} {number:>4} | {content}".rstrip()
        yield shown if number == line else faint(shown)


def summary(report: Report) -> Iterator[str]:
    """Yield how much was found, in how much, and how to learn more."""
    said = f"{report.counts} in {report.checked}, {report.seconds:.1f} s"
    yield red(said) if report.found else green(said)
    yield from map(faint, report.hidden)
    if rules := sorted({finding.rule for finding in report.found}):
        yield faint(f"--explain RULE tells why, and how to mend it: {', '.join(rules)}")
