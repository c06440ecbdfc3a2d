"""Findings as JUnit's XML, for the test reports of Jenkins, GitLab, Azure DevOps and others."""

from __future__ import annotations

import re
from xml.etree.ElementTree import Element, SubElement, indent, tostring

from gitops.findings import RULES, Severity
from gitops.formats.report import Report

# What XML 1.0 has no way to write.
FORBIDDEN = re.compile(r"[^\t\n\r\x20-\ud7ff\ue000-\ufffd\U00010000-\U0010ffff]")


def junit(report: Report) -> str:
    """Return a suite for each rule; a rule that finds nothing is a test that passes.

    Notes are told in a test that passes: they do no harm.
    """
    suites = Element("testsuites", name="gitops check")
    for rule in (each for each in RULES if each in {*report.rules, *rules_of(report)}):
        suite = SubElement(suites, "testsuite", name=rule)
        for each in (each for each in report.found if each.rule == rule):
            where = f"{report.of_clone(each.file)}:{each.line}"
            case = case_of(suite, where, rule)
            told = xml(f"{where}: {each.severity}: {each.text}\n{each.hint}".rstrip())
            if each.severity is Severity.NOTE:
                SubElement(case, "system-out").text = told
            else:
                failure = SubElement(case, "failure", type=each.severity, message=xml(each.text))
                failure.text = told
        if not len(suite):
            case = case_of(suite, RULES[rule], rule)
            if rule in report.skipped:
                SubElement(case, "skipped", message=xml(report.skipped[rule]))
        suite.set("tests", str(len(suite)))
        suite.set("failures", str(len(suite.findall("*/failure"))))
        suite.set("skipped", str(len(suite.findall("*/skipped"))))
    for reason in report.failures:
        suite = SubElement(suites, "testsuite", name="gitops check", tests="1", errors="1")
        SubElement(case_of(suite, "the check itself", "check"), "error", message=xml(reason))
    indent(suites)
    return tostring(suites, encoding="unicode", xml_declaration=True)


def rules_of(report: Report) -> set[str]:
    """Return the rules of the findings: some are not asked for, and always told."""
    return {each.rule for each in report.found}


def case_of(suite: Element, name: str, rule: str) -> Element:
    """Add a test to a suite."""
    return SubElement(suite, "testcase", name=xml(name), classname=f"gitops.{rule}")


def xml(text: str) -> str:
    """Return a text without the characters that XML cannot have."""
    return FORBIDDEN.sub("�", text)
