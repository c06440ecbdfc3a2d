"""`make scan` runs the real one if there is one: here is what it said of the fixture."""

import json
import re
from collections.abc import Callable
from pathlib import Path

import pytest

from tests.tools.scan.conftest import RECORDED
from tools.command import ROOT, ToolError
from tools.scan import material, trivy
from tools.scan.material import Place
from tools.scan.scanner import Finding

SAID = (RECORDED / "trivy.json").read_text(encoding="utf-8")  # shortened
READS = material.careless().only(trivy.FILES)


def test_what_it_rejects_is_found_with_what_it_says(places: dict[str, Place]) -> None:
    report = trivy.read(SAID, places)
    assert json.loads(SAID)["Trivy"]["Version"] == trivy.VERSION
    assert report.found.keys() >= trivy.PROOF
    assert READS.unscanned(report.scanned) == []
    image = Finding(Place("", "careless/Dockerfile"), "DS-0001")
    assert report.found[image] == "Specify a tag in the 'FROM' statement for image 'python'"


def test_what_it_passes_was_looked_at_and_is_no_finding(places: dict[str, Place]) -> None:
    report = trivy.read('{"Results": [{"Target": "careless/Dockerfile"}]}', places)
    assert (report.found, report.scanned) == ({}, {Place("", "careless/Dockerfile")})


def test_having_found_nothing_to_look_at_is_no_report_of_anything() -> None:
    report = trivy.read('{"SchemaVersion": 2}', {})
    assert (report.found, report.scanned) == ({}, set())


@pytest.mark.parametrize("named", [None, "/nowhere/trivy"])
def test_without_one_it_says_how_to_get_it(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path, named: str | None
) -> None:
    monkeypatch.setenv("PATH", str(tmp_path))
    monkeypatch.delenv("TRIVY", raising=False)
    if named:
        monkeypatch.setenv("TRIVY", named)
    why = trivy.absent()
    assert why.startswith(f"{named or 'trivy'} is not installed: put {trivy.VERSION} (https://")


def test_another_version_has_other_checks_and_is_left_out(
    monkeypatch: pytest.MonkeyPatch, program: Callable[..., Path]
) -> None:
    monkeypatch.setenv("TRIVY", str(program('{"Version": "0.1.0"}')))
    assert "scanner is version 0.1.0: put " in trivy.absent()


def test_the_version_that_the_exceptions_suit_is_used(
    monkeypatch: pytest.MonkeyPatch, program: Callable[..., Path]
) -> None:
    monkeypatch.setenv("TRIVY", str(program(json.dumps({"Version": trivy.VERSION}))))
    assert trivy.absent() == ""


def test_nothing_outside_the_tree_can_excuse_or_be_asked(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path, program: Callable[..., Path]
) -> None:
    monkeypatch.setenv("TRIVY_SEVERITY", "CRITICAL")
    monkeypatch.setenv("TRIVY", str(program(SAID)))
    assert trivy.scan(READS).found.keys() >= trivy.PROOF
    called = json.loads((tmp_path / "called").read_text(encoding="utf-8"))
    assert called["env"].keys() <= {"PATH", "HOME", "LC_CTYPE"}
    assert called["env"]["HOME"] != str(Path.home())
    assert called["files"] == ["careless", "overlays"]
    offline = {"--skip-check-update", "--skip-version-check", "--disable-telemetry"}
    assert offline <= set(called["argv"])


def test_a_crash_is_an_error_with_its_reason(
    monkeypatch: pytest.MonkeyPatch, program: Callable[..., Path]
) -> None:
    monkeypatch.setenv("TRIVY", str(program("", err="it broke", status=1)))
    with pytest.raises(ToolError, match=r"^trivy: it broke$"):
        trivy.scan(READS)
    with pytest.raises(ToolError, match=r"scanner: it broke$"):
        trivy.absent()


def test_the_pipeline_installs_trivy_and_requires_it_in_the_version_that_the_documents_name() -> (
    None
):
    workflow = (ROOT / ".github/workflows/ci.yaml").read_text(encoding="utf-8")
    assert re.search(r'make downloads NAMES="kubescape trivy"$', workflow, re.MULTILINE)
    assert "make scan REQUIRE_TRIVY=1" in workflow
    assert f"| Trivy {trivy.VERSION} |" in (ROOT / "docs/dependencies.md").read_text()
