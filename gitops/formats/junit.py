"""Findings as JUnit's XML, for the test reports of Jenkins, GitLab, Azure DevOps and others."""

from __future__ import annotations

import re
from xml.etree.ElementTree import Element, SubElement, indent, tostring

from gitops.findings import RULES, Finding, Severity
from gitops.formats.report import Report

# What XML 1.0 has no way to write.
FORBIDDEN = re.compile(r"[^\t\n\r\x20-\ud7ff\ue000-\ufffd\U00010000-\U0010ffff]")


def junit(report: Report) -> str:
    """Return a suite for each rule; a rule that finds nothing is a test that passes.

    Notes are told in a test that passes: they do no harm.
    """
    suites = Element("testsuites", name="gitops check")
    told = {*report.rules, *(finding.rule for finding in report.found)}
    for rule in RULES:
        if rule in told:
            add_suite(suites, report, rule)
    for reason in report.failures:
        suite = SubElement(suites, "testsuite", name="gitops check", tests="1", errors="1")
        SubElement(case_of(suite, "the check itself", "check"), "error", message=xml(reason))
    indent(suites)
    return tostring(suites, encoding="unicode", xml_declaration=True)


def add_suite(suites: Element, report: Report, rule: str) -> None:
    """Add the suite of a rule."""
    suite = SubElement(suites, "testsuite", name=rule)
    for finding in report.found:
        if finding.rule == rule:
            add_case(suite, finding, f"{report.of_clone(finding.file)}:{finding.line}")
    if not len(suite):
        case = case_of(suite, RULES[rule], rule)
        if rule in report.skipped:
            SubElement(case, "skipped", message=xml(report.skipped[rule]))
    suite.set("tests", str(len(suite)))
    suite.set("failures", str(len(suite.findall("*/failure"))))
    suite.set("skipped", str(len(suite.findall("*/skipped"))))


def add_case(suite: Element, finding: Finding, where: str) -> None:
    """Add the test that a finding fails, or is told in."""
    # Of tests of one name GitLab shows the first alone.
    case = case_of(suite, f"{where}: {finding.text}", finding.rule)
    text = xml(f"{where}: {finding.severity}: {finding.text}\n{finding.hint}".rstrip())
    if finding.severity is Severity.NOTE:
        SubElement(case, "system-out").text = text
    else:
        message = xml(finding.text)
        SubElement(case, "failure", type=finding.severity, message=message).text = text


def case_of(suite: Element, name: str, rule: str) -> Element:
    """Add a test to a suite."""
    return SubElement(suite, "testcase", name=xml(name), classname=f"gitops.{rule}")


def xml(text: str) -> str:
    """Return a text without the characters that XML cannot have."""
    return FORBIDDEN.sub("�", text)
