import re
from datetime import date, timedelta
from pathlib import Path

import pytest

from tools import overlay, scan
from tools.command import ROOT, ToolError

TODAY = date(2026, 12, 1)
FIXTURE = ROOT / "tests" / "k8s" / "fixtures" / "critical.yaml"
FINDING = scan.Finding("dev", "Deployment/slipway", "container-cpu")
FOUND = {FINDING: "no limit"}


def exemption(**changed: object) -> scan.Exemption:
    return scan.Exemption.model_validate(
        {
            "control": FINDING.control,
            "object": FINDING.object,
            "overlays": [FINDING.overlay],
            "reason": "because it is only an example",
            "owner": "platform",
            "expires": TODAY,
        }
        | changed
    )


def run(monkeypatch: pytest.MonkeyPatch, exceptions: Path = scan.EXCEPTIONS) -> None:
    read = scan.read(exceptions)
    monkeypatch.setattr("sys.argv", ["scan"])
    monkeypatch.setattr(scan, "read", lambda: read)
    scan.main()


def test_every_critical_finding_of_the_overlays_is_excused() -> None:
    """Whether the exceptions still hold is for `make scan` to say: a test has no date."""
    exemptions = scan.read()
    last_day = min(each.expires for each in exemptions)
    found: dict[scan.Finding, str] = {}
    for env in overlay.environments():
        found |= scan.scan(env, overlay.render(overlay.OVERLAYS / env))
    assert scan.faults(found, exemptions, last_day) == []


def test_a_careless_manifest_is_critical_and_an_annotation_excuses_nothing() -> None:
    found = scan.scan("dev", FIXTURE.read_text(encoding="utf-8"))
    assert {each.object for each in found} == {"Pod/careless"}
    assert {each.control for each in found} >= {
        *("container-image-tag", "container-security-context-privileged"),
        *("container-resources", "container-security-context-readonlyrootfilesystem"),
        "pod-networkpolicy",
    }


@pytest.mark.parametrize(
    ("now", "then", "control"),
    [
        ("readOnlyRootFilesystem: true", "readOnlyRootFilesystem: false", "readonlyrootfilesystem"),
        ("kind: NetworkPolicy", "kind: LimitRange", "pod-networkpolicy"),
        ("kind: PodDisruptionBudget", "kind: LimitRange", "poddisruptionbudget"),
        ("ephemeral-storage:", "example.com/storage:", "ephemeral-storage"),
        ("runAsUser: 10001", "runAsUser: 1", "user-group-id"),
    ],
)
def test_a_damaged_overlay_has_a_finding_that_nothing_excuses(
    now: str, then: str, control: str
) -> None:
    text = overlay.render(overlay.OVERLAYS / "prod")
    assert now in text
    found = scan.scan("prod", text.replace(now, then))
    told = scan.faults(found, scan.read(), TODAY)
    assert any(
        line.startswith("prod: Deployment/slipway fails ") and control in line for line in told
    )


def test_a_finding_is_told_with_its_reason_unless_it_is_excused() -> None:
    assert scan.faults(FOUND, [exemption()], TODAY) == []
    assert scan.faults(FOUND, [], TODAY) == [
        "dev: Deployment/slipway fails container-cpu: no limit"
    ]


@pytest.mark.parametrize(
    ("changed", "reason"),
    [
        ({"expires": TODAY - timedelta(days=1)}, "expired on 2026-11-30: ask platform"),
        ({"expires": TODAY + timedelta(days=367)}, "a year is the longest"),
        ({"overlays": ["dev", "prod"]}, "excuses nothing in prod"),
    ],
)
def test_an_exception_that_must_go_is_a_fault(changed: dict[str, object], reason: str) -> None:
    (line,) = scan.faults(FOUND, [exemption(**changed)], TODAY)
    assert reason in line


@pytest.mark.parametrize(
    "changed", [{"control": "container-memory"}, {"object": "Pod/slipway"}, {"overlays": ["prod"]}]
)
def test_an_exception_for_something_else_does_not_excuse(changed: dict[str, object]) -> None:
    told = scan.faults(FOUND, [exemption(**changed)], TODAY)
    assert len(told) == 2, "the finding, and the exception that excuses nothing"


@pytest.mark.parametrize("field", ["control", "object", "overlays", "reason", "owner", "expires"])
def test_an_exception_without_one_of_its_fields_is_an_error(tmp_path: Path, field: str) -> None:
    whole = scan.EXCEPTIONS.read_text(encoding="utf-8").replace("- control:", "- \n  control:", 1)
    path = tmp_path / "exceptions.yaml"
    path.write_text(whole.replace(f"  {field}:", f"  {field}s:", 1), encoding="utf-8")
    with pytest.raises(ToolError, match=rf"^exceptions\.yaml: 0\.{field}: Field required"):
        scan.read(path)


@pytest.mark.parametrize("text", ["a: {", "[{reason: because}]", "", "- control: [1]"])
def test_a_file_that_holds_no_exceptions_is_an_error(tmp_path: Path, text: str) -> None:
    path = tmp_path / "exceptions.yaml"
    path.write_text(text, encoding="utf-8")
    with pytest.raises(ToolError, match=r"^exceptions\.yaml: "):
        scan.read(path)


def test_the_scan_fails_when_anything_is_wrong(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str], tmp_path: Path
) -> None:
    path = tmp_path / "exceptions.yaml"
    path.write_text("[]", encoding="utf-8")
    with pytest.raises(ToolError, match=r"^\d+ faults in 3 overlays and their exceptions$"):
        run(monkeypatch, path)
    told = capsys.readouterr().out
    assert re.search(r"^staging: \d+ critical findings$", told, re.MULTILINE)
    assert "staging: Deployment/slipway fails container-image-pull-policy: " in told


def test_a_missing_kube_score_says_how_to_get_it(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    monkeypatch.setattr(scan, "ROOT", tmp_path)
    with pytest.raises(ToolError, match="kube-score is not there: `make scan` builds it"):
        scan.scan("dev", "")


def test_what_kube_score_cannot_read_is_an_error() -> None:
    with pytest.raises(ToolError, match=r"^kube-score: "):
        scan.scan("dev", "a: {")
