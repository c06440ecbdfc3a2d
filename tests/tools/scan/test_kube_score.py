from datetime import date
from pathlib import Path

import pytest

from tools import overlay
from tools.command import ToolError
from tools.scan import exceptions, kube_score, material
from tools.scan.scanner import Found, prove

TODAY = date(2026, 12, 1)
EXEMPTIONS = exceptions.of(kube_score, exceptions.read())


def scan(text: str) -> Found:
    return kube_score.scan(material.Material({"prod": text}, {})).found


def test_every_critical_finding_of_the_overlays_is_excused() -> None:
    """Whether the exceptions still hold is for `make scan` to say: a test has no date."""
    last_day = min(each.expires for each in EXEMPTIONS)
    found = prove(kube_score, material.repository())
    assert exceptions.faults(found, EXEMPTIONS, last_day) == []


def test_a_careless_manifest_is_critical_and_an_annotation_excuses_nothing() -> None:
    found = kube_score.scan(material.careless()).found
    assert {each.place for each in found} == {material.Place("careless", "Pod/careless")}
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
    told = exceptions.faults(scan(text.replace(now, then)), EXEMPTIONS, TODAY)
    assert any(
        line.startswith("prod: Deployment/slipway fails ") and control in line for line in told
    )


def test_a_missing_kube_score_says_how_to_get_it(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    monkeypatch.setattr(kube_score, "ROOT", tmp_path)
    with pytest.raises(ToolError, match="kube-score is not installed: `make scan` builds it"):
        scan("")


def test_what_kube_score_cannot_read_is_an_error() -> None:
    with pytest.raises(ToolError, match=r"^kube-score: "):
        scan("a: {")
