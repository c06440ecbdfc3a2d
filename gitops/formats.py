"""Findings for machines: SARIF for code scanning, and the annotations of GitHub's workflows."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from gitops.findings import RULES, Finding, Severity, place

SCHEMA = "https://json.schemastore.org/sarif-2.1.0.json"
DOCUMENTATION = "docs/gitops.md"
# https://docs.github.com/en/actions/reference/workflows-and-actions/workflow-commands
COMMANDS = {Severity.ERROR: "error", Severity.WARNING: "warning", Severity.NOTE: "notice"}


def sarif(findings: list[Finding], root: Path, top: Path) -> dict[str, Any]:
    """Return a SARIF 2.1.0 log, with paths that are relative to the clone.

    https://docs.oasis-open.org/sarif/sarif/v2.1.0/sarif-v2.1.0.html
    """
    rules = [
        {"id": rule, "shortDescription": {"text": text}, "help": {"text": DOCUMENTATION}}
        for rule, text in RULES.items()
    ]
    return {
        "$schema": SCHEMA,
        "version": "2.1.0",
        "runs": [
            {
                "tool": {"driver": {"name": "gitops check", "rules": rules}},
                "results": [result(finding, root, top) for finding in findings],
            }
        ],
    }


def result(finding: Finding, root: Path, top: Path) -> dict[str, Any]:
    """Return a result of a SARIF log; its levels have the names of the severities."""
    location = {
        "artifactLocation": {"uri": path_of(finding, root, top)},
        "region": {"startLine": finding.line},
    }
    return {
        "ruleId": finding.rule,
        "level": finding.severity.value,
        "message": {"text": finding.text},
        "locations": [{"physicalLocation": location}],
    }


def workflow_commands(findings: list[Finding], root: Path, top: Path) -> list[str]:
    """Return a workflow command for each finding, which GitHub shows beside the line."""
    return [
        f"::{COMMANDS[finding.severity]} file={escaped(path_of(finding, root, top), ',:')},"
        f"line={finding.line},title={finding.rule}::{escaped(finding.text)}"
        for finding in findings
    ]


def path_of(finding: Finding, root: Path, top: Path) -> str:
    """Return the path of a finding's file, relative to the clone."""
    return place(finding.file, top if finding.file.is_relative_to(top) else root)


def escaped(text: str, more: str = "") -> str:
    """Return a text as a workflow command takes it."""
    for character in f"%\r\n{more}":
        text = text.replace(character, f"%{ord(character):02X}")
    return text
