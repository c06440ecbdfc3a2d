"""Findings as SARIF, for code scanning."""

from __future__ import annotations

from typing import Any
from urllib.parse import quote

from gitops import __version__, programs
from gitops.baseline import fingerprints
from gitops.explain import Explanation, page
from gitops.findings import RULES, Finding
from gitops.formats.report import DOCUMENTATION, PAGES, Report

SCHEMA = "https://json.schemastore.org/sarif-2.1.0.json"


def sarif(report: Report) -> dict[str, Any]:
    """Return a SARIF 2.1.0 log, with paths that are relative to the clone.

    https://docs.oasis-open.org/sarif/sarif/v2.1.0/sarif-v2.1.0.html
    """
    names = fingerprints(report.found, report.root)
    failures = [{"level": "error", "message": {"text": reason}} for reason in report.failures]
    return {
        "$schema": SCHEMA,
        "version": "2.1.0",
        "runs": [
            {
                "tool": {"driver": driver()},
                # Two folders of a repository have results that do not replace each other.
                "automationDetails": {"id": f"gitops check {report.of_clone(report.root)}/"},
                "results": [
                    result(finding, name, report)
                    for finding, name in zip(report.found, names, strict=True)
                ],
                "invocations": [
                    {
                        "executionSuccessful": not failures,
                        "toolExecutionNotifications": failures,
                    }
                ],
            }
        ],
    }


def driver() -> dict[str, Any]:
    """Return what says which program this was, and which rules it has."""
    return {
        "name": "gitops check",
        "version": __version__,
        "informationUri": DOCUMENTATION,
        "rules": [descriptor(rule, text) for rule, text in RULES.items()],
    }


def descriptor(rule: str, text: str) -> dict[str, Any]:
    """Return a rule, with what GitHub shows beside an alert: why it is one, and its page."""
    return {
        "id": rule,
        "shortDescription": {"text": text},
        "fullDescription": {"text": " ".join(Explanation.of(rule).why.split())},
        "helpUri": f"{PAGES}/{rule}.md",
        "help": {
            "text": f"{programs.PACKAGE} check --explain {rule}",
            "markdown": page(rule).replace("../gitops.md", DOCUMENTATION),
        },
    }


def result(finding: Finding, fingerprint: str, report: Report) -> dict[str, Any]:
    """Return a result of a SARIF log; its levels have the names of the severities."""
    location = {
        "artifactLocation": {"uri": quote(report.of_clone(finding.file), errors="surrogateescape")},
        "region": {"startLine": finding.line},
    }
    return {
        "ruleId": finding.rule,
        "level": finding.severity.value,
        "message": {"text": finding.text},
        "locations": [{"physicalLocation": location}],
        # GitHub tells alerts apart by the first alone.
        "partialFingerprints": {
            "primaryLocationLineHash": fingerprint,
            "gitopsCheck/v1": fingerprint,
        },
    }
