"""`make scan` runs the real one, and shows that it rejects the fixture: here is what it said."""

import json
from collections.abc import Callable
from pathlib import Path

import pytest

from tests.tools.scan.conftest import RECORDED
from tools.command import ToolError
from tools.scan import checkov, material
from tools.scan.material import Place
from tools.scan.scanner import Finding

SAID = (RECORDED / "checkov.json").read_text(encoding="utf-8")  # of 3.3.30, shortened
POD = Place("careless", "Pod/careless")


def test_what_each_framework_rejects_is_found(places: dict[str, Place]) -> None:
    report = checkov.read(SAID, places)
    assert report.found.keys() >= checkov.PROOF
    assert material.careless().unseen(report.seen) == []
    assert report.found[Finding(POD, "CKV_K8S_14")].startswith("Image Tag should be fixed")


def test_what_an_annotation_asks_to_skip_is_found_all_the_same(places: dict[str, Place]) -> None:
    parts = json.loads(SAID)
    (skipped,) = [each for part in parts for each in part["results"]["skipped_checks"]]
    assert Finding(POD, skipped["check_id"]) in checkov.read(SAID, places).found


def test_a_finding_in_a_file_tells_its_line_and_one_in_a_copy_does_not(
    places: dict[str, Place],
) -> None:
    for finding, said in checkov.read(SAID, places).found.items():
        assert (", line " in said) == (finding.place.overlay == "")


def test_what_it_passes_was_looked_at_and_is_no_finding(places: dict[str, Place]) -> None:
    (part,) = [part for part in json.loads(SAID) if part["check_type"] == "kubernetes"]
    results = {"passed_checks": part["results"]["passed_checks"], "failed_checks": []}
    report = checkov.read(json.dumps(part | {"results": results}), places)
    assert (report.found, report.seen) == ({}, {POD})


def test_having_found_nothing_to_look_at_is_no_report_of_anything() -> None:
    report = checkov.read('{"passed": 0, "failed": 0, "resource_count": 0}', {})
    assert (report.found, report.seen) == ({}, set())


def test_what_it_cannot_parse_is_an_error(places: dict[str, Place]) -> None:
    with pytest.raises(ToolError, match="checkov cannot read /Dockerfile"):
        checkov.read('{"results": {"parsing_errors": ["/Dockerfile"]}}', places)


@pytest.mark.parametrize(("out", "status"), [("[]", 2), ("Traceback", 0), ("", 1)])
def test_a_crash_is_an_error_with_its_reason(
    monkeypatch: pytest.MonkeyPatch, program: Callable[..., Path], out: str, status: int
) -> None:
    monkeypatch.setattr(checkov, "PROGRAM", program(out, err="it broke", status=status))
    with pytest.raises(ToolError, match=r"^checkov: it broke$"):
        checkov.scan(material.careless())


def test_nothing_outside_the_tree_can_excuse_or_be_asked(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path, program: Callable[..., Path]
) -> None:
    monkeypatch.setenv("CKV_SKIP_CHECK", "CKV_K8S_16")
    monkeypatch.setenv("BC_API_KEY", "key")
    monkeypatch.setattr(checkov, "PROGRAM", program("[]"))
    checkov.scan(material.careless())
    called = json.loads((tmp_path / "called").read_text(encoding="utf-8"))
    assert called["env"].keys() <= {"PATH", "HOME", "CKV_SKIP_PACKAGE_UPDATE_CHECK", "LC_CTYPE"}
    assert called["env"]["HOME"] != str(Path.home())
    assert called["files"] == ["careless", "overlays"]
    assert "--skip-download" in called["argv"]


def test_a_missing_checkov_says_how_to_get_it(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    monkeypatch.setattr(checkov, "PROGRAM", tmp_path / "checkov")
    with pytest.raises(ToolError, match="checkov is not there: `make scan` installs it"):
        checkov.scan(material.careless())


def test_what_checkov_has_no_word_for_is_kept_from_it_and_nothing_else() -> None:
    told = "permissions:\n  contents: read\n  attestations: write # why\n"
    assert checkov.understood(told) == "permissions:\n  contents: read\n"
    matrix = "    matrix:\n      include: >-\n        ${{ a\n        || b }}\n    runs-on: x\n"
    assert (
        checkov.understood(matrix)
        == "    matrix:\n      include: [{from: expression}]\n    runs-on: x\n"
    )
