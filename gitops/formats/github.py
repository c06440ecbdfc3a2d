"""Findings as annotations in a workflow of GitHub."""

from __future__ import annotations

from gitops.findings import Severity
from gitops.formats.report import Report

# https://docs.github.com/en/actions/reference/workflows-and-actions/workflow-commands
COMMANDS = {Severity.ERROR: "error", Severity.WARNING: "warning", Severity.NOTE: "notice"}


def workflow_commands(report: Report) -> str:
    """Return a workflow command for each finding, which GitHub shows beside the line.

    The worst come first: GitHub shows ten of a kind for a step.
    """
    severities = list(Severity)
    found = sorted(report.found, key=lambda finding: severities.index(finding.severity))
    lines = [
        f"::{COMMANDS[finding.severity]} file={escaped(report.of_clone(finding.file), ',:')},"
        f"line={finding.line},title={finding.rule}::{escaped(finding.text)}"
        for finding in found
    ]
    return "\n".join([*lines, *(f"::error::{escaped(reason)}" for reason in report.failures)])


def escaped(text: str, more: str = "") -> str:
    """Return a text as a workflow command takes it."""
    for character in f"%\r\n{more}":
        text = text.replace(character, f"%{ord(character):02X}")
    return text
