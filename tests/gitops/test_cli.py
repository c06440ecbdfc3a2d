"""The command line: exit statuses, JSON, and help that teaches."""

from __future__ import annotations

import json
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from click.testing import CliRunner

from gitops import programs
from gitops.cli import COMMANDS, cli
from gitops.findings import RULES
from gitops.output import Output, red
from tests.gitops.conftest import FIXTURES
from tools.command import ROOT


def call(*argv: str | Path) -> tuple[int, str]:
    result = CliRunner().invoke(cli, [str(word) for word in argv])
    return result.exit_code, result.output


def called(*argv: str | Path) -> tuple[int, Any]:
    code, output = call(*argv, "--json")
    return code, json.loads(output)


def test_nothing_found_is_exit_status_0() -> None:
    code, said = called("check", FIXTURES / "variants")
    assert code == 0
    assert said["findings"] == []
    assert said["overlays"] == ["envs/prod-eu", "envs/qa-eu"]
    assert set(said["skipped"]) == {"schema", "immutable"}


def test_a_finding_is_exit_status_1_and_has_its_place(copy: Callable[[str], Path]) -> None:
    root = copy("layered")
    file = root / "overlays/dev/kustomization.yaml"
    file.write_text(file.read_text().replace("shop\n    newTag", "shap\n    newTag"))
    code, said = called("check", root)
    assert code == 1
    inert = [each for each in said["findings"] if each["rule"] == "inert"]
    assert inert == [
        {
            "rule": "inert",
            "severity": "error",
            "file": "overlays/dev/kustomization.yaml",
            "line": 6,
            "message": "newTag 1.2.0 for image registry.example.com/shap matches nothing",
            "overlays": ["overlays/dev"],
            "hint": "remove it, or correct what it is meant to match",
            "fingerprint": "916fef3739ea5ab9:1",
        }
    ]
    code, text = call("check", root)
    assert code == 1
    assert f"{file}:6: error: newTag 1.2.0" in text
    assert "\x1b" not in text, "colours are for a terminal"


@pytest.mark.parametrize(
    ("is_terminal", "variables", "is_coloured"),
    [
        (True, {}, True),
        (True, {"NO_COLOR": "1"}, False),
        (True, {"NO_COLOR": ""}, True),
        (False, {}, False),
        (False, {"FORCE_COLOR": "1"}, True),
        (False, {"FORCE_COLOR": "1", "NO_COLOR": "1"}, False),
    ],
)
def test_colours_are_for_a_terminal_and_for_who_asks(
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
    is_terminal: bool,
    variables: dict[str, str],
    is_coloured: bool,
) -> None:
    for name in ("NO_COLOR", "FORCE_COLOR"):
        monkeypatch.delenv(name, raising=False)
    for name, value in variables.items():
        monkeypatch.setenv(name, value)
    monkeypatch.setattr("sys.stdout.isatty", lambda: is_terminal)
    Output(as_json=False).say(red("x"))
    assert ("\x1b[" in capsys.readouterr().out) == is_coloured


def test_only_and_skip_choose_the_rules(copy: Callable[[str], Path]) -> None:
    root = copy("layered")
    file = root / "overlays/dev/kustomization.yaml"
    file.write_text(file.read_text().replace("shop\n    newTag", "shap\n    newTag"))
    assert {e["rule"] for e in called("check", root)[1]["findings"]} == {"inert", "pin"}
    assert {e["rule"] for e in called("check", root, "--only", "pin")[1]["findings"]} == {"pin"}
    assert {e["rule"] for e in called("check", root, "--skip", "pin")[1]["findings"]} == {"inert"}


@pytest.mark.parametrize(
    ("change", "argv", "code", "severities"),
    [
        # A deprecated field is a note, an image without a digest a warning, a wrong tag an error.
        ("deprecated", [], 0, []),
        ("deprecated", ["--notes"], 0, ["note"]),
        ("deprecated", ["--fail-on", "note"], 1, ["note"]),
        ("configuration", [], 1, ["warning"]),
        ("configuration", ["--fail-on", "error"], 0, ["warning"]),
        ("inert", ["--fail-on", "error"], 1, ["error"]),
        ("inert", ["--fail-on", "never"], 0, ["error"]),
    ],
)
def test_the_severity_decides_what_is_shown_and_the_exit_status(
    copy: Callable[[str], Path], change: str, argv: list[str], code: int, severities: list[str]
) -> None:
    root = copy("variants")
    file = {"deprecated": "base/kustomization.yaml", "configuration": "gitops.yaml"}.get(
        change, "variants/eu/kustomization.yaml"
    )
    text = {
        "deprecated": "\ncommonLabels: {team: shop}\n",
        "configuration": "accepted: [{rule: inert, what: nothing, reason: None.}]\n",
        "inert": "\nimages: [{name: nope, newTag: '1'}]\n",
    }[change]
    with (root / file).open("a") as writing:
        writing.write(text)
    found, said = called("check", root, *argv)
    assert found == code
    assert [each["severity"] for each in said["findings"]] == severities
    assert said["notes_hidden"] == (change == "deprecated" and not argv)


def test_sarif_and_the_annotations_of_a_workflow_carry_the_severity(
    copy: Callable[[str], Path],
) -> None:
    root = copy("variants")
    (root / ".git").mkdir()
    (root / "gitops.yaml").write_text("accepted: [{rule: inert, what: 50%, reason: None.}]\n")
    with (root / "variants/eu/kustomization.yaml").open("a") as writing:
        writing.write("\nimages: [{name: nope, newTag: '1'}]\ncommonLabels: {team: mail}\n")
    code, output = call("check", root, "--format", "sarif", "--fail-on", "note")
    (run,) = json.loads(output)["runs"]
    assert code == 1
    assert {each["level"] for each in run["results"]} == {"error", "warning", "note"}
    assert {each["ruleId"] for each in run["results"]} <= {
        e["id"] for e in run["tool"]["driver"]["rules"]
    }
    (inert,) = [each for each in run["results"] if each["level"] == "error"]
    (place,) = inert["locations"]
    assert place["physicalLocation"] == {
        "artifactLocation": {"uri": "variants/eu/kustomization.yaml"},
        "region": {"startLine": 11},
    }
    code, output = call("check", root, "--format", "github")
    assert code == 1
    assert sorted(output.splitlines()) == [
        "::error file=variants/eu/kustomization.yaml,line=11,title=inert::"
        "newTag 1 for image nope matches nothing [envs/prod-eu, envs/qa-eu]",
        "::warning file=gitops.yaml,line=1,title=configuration::"
        "50%25: declared, but no longer needed",
    ]


def test_the_files_with_the_worst_findings_are_told_first(copy: Callable[[str], Path]) -> None:
    root = copy("variants")
    (root / "gitops.yaml").write_text("accepted: [{rule: inert, what: none, reason: None.}]\n")
    with (root / "variants/eu/kustomization.yaml").open("a") as writing:
        writing.write("\nimages: [{name: nope, newTag: '1'}]\n")
    lines = [line for line in call("check", root)[1].splitlines() if line.startswith(str(root))]
    assert [line.split(": ")[1] for line in lines] == ["error", "warning"]


@pytest.mark.parametrize(
    ("argv", "said"),
    [
        (["check", "absent"], "does not exist"),
        (["check", ".", "--only", "everything"], "is not one of"),
        (["chekc"], "No such command"),
    ],
)
def test_what_is_not_understood_is_exit_status_2(argv: list[str], said: str) -> None:
    code, output = call(*argv)
    assert code == 2
    assert said in output


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("parity: [{what: x}]", "gitops.yaml:1: an entry of `parity` lacks only and reason"),
        ("partiy: []", "unknown key `partiy`"),
        ("parity: {}", "gitops.yaml:1: expected a list"),
        ("external:\n  - {what: '', reason: x}", "gitops.yaml:2: expected a text"),
        ("pins: [", "gitops.yaml:"),
    ],
)
def test_a_gitops_yaml_that_is_not_understood_is_exit_status_2(
    copy: Callable[[str], Path], text: str, said: str
) -> None:
    root = copy("variants")
    (root / "gitops.yaml").write_text(text)
    code, output = call("check", root)
    assert code == 2
    assert said in output


@pytest.mark.parametrize(("broken", "status"), [(False, 0), (True, 1)])
def test_the_process_ends_with_that_status(
    copy: Callable[[str], Path], broken: bool, status: int
) -> None:
    root = copy("layered")
    file = root / "overlays/dev/kustomization.yaml"
    if broken:
        file.write_text(file.read_text().replace("newTag: 1.2.0", "newTag: latest"))
    argv = [sys.executable, "-m", "gitops", "check", str(root)]
    done = subprocess.run(argv, cwd=ROOT, capture_output=True, text=True, check=False)
    assert done.returncode == status
    assert ("`latest`" in done.stdout) == broken
    assert done.stderr == ""


def test_with_json_an_error_is_json(tmp_path: Path) -> None:
    argv = [sys.executable, "-m", "gitops", "check", str(tmp_path), "--json"]
    done = subprocess.run(argv, cwd=ROOT, capture_output=True, text=True, check=False)
    assert done.returncode == 2
    assert "no overlay" in json.loads(done.stdout)["error"]


def test_a_kustomization_that_is_no_yaml_is_told_with_its_line(copy: Callable[[str], Path]) -> None:
    root = copy("variants")
    file = root / "base" / "kustomization.yaml"
    file.write_text("resources:\n  - a: [\n")
    code, output = call("check", root)
    assert code == 1
    assert f"{file}:3: error: " in output
    code, output = call("promote", root, "--from", "qa-eu", "--to", "prod-eu")
    assert code == 2


@pytest.mark.parametrize("argv", [[], *([name] for name in COMMANDS)])
def test_help_explains(argv: list[str]) -> None:
    code, output = call(*argv, "--help")
    assert code == 0
    assert "--json" in output
    if argv == ["check"]:
        assert all(f"\n  {rule} " in output for rule in RULES if rule != "configuration")


def test_every_rule_is_in_the_table_of_the_documentation() -> None:
    text = (ROOT / "docs" / "gitops.md").read_text(encoding="utf-8")
    assert all(
        f"\n| [{rule}](rules/{rule}.md) | {what} |\n" in text for rule, what in RULES.items()
    )


def test_the_doctor_names_each_program_and_its_version() -> None:
    code, said = called("doctor")
    found = {each["name"]: each for each in said["programs"]}
    assert code == 0
    assert found["kustomize"]["version"] == "5.8.1"
    assert found["kubeconform"]["version"]
    assert found["python"]["version"]


def test_the_doctor_says_how_to_get_what_is_missing(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(programs, "BUILT", tmp_path)
    monkeypatch.setenv("PATH", str(tmp_path))
    code, output = call("doctor")
    assert code == 1
    assert "get it: make .tools/renderer" in output


def test_the_commands_know_nothing_of_the_api() -> None:
    for file in (ROOT / "gitops").rglob("*.py"):
        text = file.read_text(encoding="utf-8")
        assert "import api" not in text
        assert "from api" not in text
        assert "flask" not in text.lower()
