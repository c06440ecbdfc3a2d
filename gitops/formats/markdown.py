"""Findings in Markdown: the summary of a job, or a comment on a pull request."""

from __future__ import annotations

from collections.abc import Iterator
from itertools import groupby

from gitops.diff.markdown import LIMIT, RESERVE, code, codes
from gitops.findings import Finding, Severity, counted, worst_first
from gitops.formats.report import PAGES, Report

MARKS = {Severity.ERROR: "❌", Severity.WARNING: "⚠️", Severity.NOTE: "💬"}
NAMED = 3  # overlays of a finding that are named


def markdown(report: Report) -> str:
    """Return the findings by file; those that would make it too long for a comment are counted."""
    mark = "❌" if report.failures else worst(report)
    lines = [f"### {mark} gitops check: {report.counts} in {report.checked}", ""]
    for reason in report.failures:
        lines += [f"**The check itself failed**: {code(reason)}", ""]
    left, cut = LIMIT - RESERVE, 0
    for file, findings in groupby(worst_first(report.found), key=lambda finding: finding.file):
        block = [f"**{code(report.of_clone(file))}**", ""]
        for finding in findings:
            line = entry(finding)
            left -= len(line) + 1
            cut += left < 0
            block += [line] if left >= 0 else []
        left -= sum(map(len, block[:2]))
        lines += [*block, ""] if block[2:] else []
    if cut:
        lines += [f"{counted(cut, 'finding')} more: `gitops check` shows all.", ""]
    return "\n".join([*lines, *aside(report)])


def worst(report: Report) -> str:
    """Return the mark of the worst finding."""
    found = [finding.severity for finding in report.found]
    return next((MARKS[severity] for severity in Severity if severity in found), "✅")


def entry(finding: Finding) -> str:
    """Return a line of the list."""
    names = finding.overlays
    rest = f" and {len(names) - NAMED} more" if len(names) > NAMED else ""
    where = f" in {codes(names[:NAMED])}{rest}" if names else ""
    rule = f"[{finding.rule}]({PAGES}/{finding.rule}.md)"
    hint = f": {finding.hint}" if finding.hint else ""
    mark = f"{MARKS[finding.severity]} {finding.severity}"
    return f"- {mark}, line {finding.line}: {code(finding.message)}{where} ({rule}{hint})"


def aside(report: Report) -> Iterator[str]:
    """Yield what is not shown, and what was not checked."""
    for line in report.hidden:
        yield f"- {line}"
    for rule, reason in report.skipped.items():
        yield f"- not checked: {code(rule)}: {code(reason)}"
