"""The explanation of each rule: its examples are true, and its page says the same."""

from __future__ import annotations

import re
from collections.abc import Callable
from pathlib import Path

import pytest

from gitops.explain import SOURCES, Explanation, page
from gitops.findings import RULES, Finding, Severity, place
from tests.clone import commit, git
from tests.gitops.conftest import Check
from tests.gitops.test_cli import call
from tools.command import ROOT

LOCATION = str(
    ROOT / ".tools/schemas/{{.NormalizedKubernetesVersion}}/{{.ResourceKind}}{{.KindSuffix}}.json"
)
PAGES = ROOT / "docs" / "rules"


def test_every_rule_has_an_explanation_and_a_page() -> None:
    assert {file.stem for file in SOURCES.glob("*.yaml")} == {*RULES}
    assert {file.stem for file in PAGES.glob("*.md")} == {*RULES}


@pytest.mark.parametrize("rule", RULES)
def test_the_page_is_what_the_command_prints(rule: str) -> None:
    assert (PAGES / f"{rule}.md").read_text() == page(rule), "make rule-pages"
    assert call("check", "--explain", rule) == (0, page(rule))


def said(finding: Finding, root: Path) -> str:
    return f"{place(finding.file, root)}:{finding.line}: {finding.severity}: {finding.text}"


@pytest.mark.parametrize("rule", RULES)
def test_the_bad_example_is_found_as_it_says_and_the_good_one_is_not(
    rule: str, copy: Callable[[str], Path], check: Check
) -> None:
    root = copy("layered")
    example = Explanation.of(rule).example
    file = root / example.file
    base: str | None = None
    locations: tuple[str, ...] = ()
    if rule == "immutable":
        git(root, "init", "--quiet")
        commit(root)
        base = "HEAD"
    elif rule == "schema":
        locations = (LOCATION,)
    before = file.read_text()

    def found(snippet: str) -> list[Finding]:
        file.write_text(before.replace(example.good, snippet))
        if example.good not in before:
            file.write_text(before + snippet)
        every = check(root, base=base, locations=locations)
        return [each for each in every if each.rule == rule]

    assert found(example.good) == []
    told = re.compile(".+".join(map(re.escape, example.says.split("…"))))
    assert any(told.fullmatch(said(each, root)) for each in found(example.bad))


@pytest.mark.parametrize("rule", RULES)
def test_the_severities_of_the_explanation_are_words_of_the_output(rule: str) -> None:
    it = Explanation.of(rule)

    assert any(severity in it.severity for severity in Severity)
    assert it.example.says.split(": ")[1] in it.severity
