from datetime import date, timedelta
from pathlib import Path

import pytest

from tools.command import ToolError
from tools.scan import exceptions, kube_score, trivy
from tools.scan.exceptions import Exemption, faults
from tools.scan.material import Place
from tools.scan.scanner import Finding

TODAY = date(2026, 12, 1)
FINDING = Finding(Place("dev", "Deployment/slipway"), "container-cpu")
FOUND = {FINDING: "no limit"}
FILE = Finding(Place("", "Dockerfile"), "DS-0026")


def exemption(**changed: object) -> Exemption:
    return Exemption.model_validate(
        {
            "control": FINDING.control,
            "object": FINDING.place.object,
            "overlays": [FINDING.place.overlay],
            "reason": "because it is only an example",
            "owner": "platform",
            "expires": TODAY,
        }
        | changed
    )


def test_a_finding_is_told_with_its_reason_unless_it_is_excused() -> None:
    assert faults(FOUND, [exemption()], TODAY) == []
    assert faults(FOUND, [], TODAY) == ["dev: Deployment/slipway fails container-cpu: no limit"]


def test_a_finding_in_a_file_is_excused_by_the_path_alone() -> None:
    excuse = exemption(control=FILE.control, object="Dockerfile", overlays=[])
    assert faults({FILE: "no health check"}, [excuse], TODAY) == []
    assert faults({FILE: "no health check"}, [], TODAY) == [
        "Dockerfile fails DS-0026: no health check"
    ]
    assert faults({}, [excuse], TODAY) == [
        "the exception of DS-0026 for Dockerfile excuses nothing: remove it"
    ]


@pytest.mark.parametrize(
    ("changed", "reason"),
    [
        ({"expires": TODAY - timedelta(days=1)}, "expired on 2026-11-30: fix it, or ask platform"),
        ({"expires": TODAY + timedelta(days=367)}, "more than a year ahead"),
        ({"overlays": ["dev", "prod"]}, "excuses nothing in prod"),
    ],
)
def test_an_exception_that_must_go_is_a_fault(changed: dict[str, object], reason: str) -> None:
    (line,) = faults(FOUND, [exemption(**changed)], TODAY)
    assert reason in line


@pytest.mark.parametrize(
    "changed", [{"control": "container-memory"}, {"object": "Pod/slipway"}, {"overlays": ["prod"]}]
)
def test_an_exception_for_something_else_does_not_excuse(changed: dict[str, object]) -> None:
    told = faults(FOUND, [exemption(**changed)], TODAY)
    assert len(told) == 2, "the finding, and the exception that excuses nothing"


def test_an_unjudged_exception_may_excuse_nothing_but_not_for_ever() -> None:
    idle, expired = exemption(), exemption(expires=TODAY - timedelta(days=1))
    assert faults({}, [idle], TODAY, unjudged=[idle]) == []
    (line,) = faults({}, [expired], TODAY, unjudged=[expired])
    assert "expired on 2026-11-30" in line


def test_every_control_excused_is_of_one_scanner_and_each_scanner_has_some() -> None:
    exemptions = exceptions.read()
    shares = [exceptions.of(each, exemptions) for each in (kube_score, trivy)]
    assert all(shares)
    assert sum(map(len, shares)) == len(exemptions)


@pytest.mark.parametrize("field", ["control", "object", "reason", "owner", "expires"])
def test_an_exception_without_one_of_its_fields_is_an_error(tmp_path: Path, field: str) -> None:
    whole = exceptions.EXCEPTIONS.read_text(encoding="utf-8")
    whole = whole.replace("- control:", "- \n  control:", 1)
    path = tmp_path / "exceptions.yaml"
    path.write_text(whole.replace(f"  {field}:", f"  {field}s:", 1), encoding="utf-8")
    with pytest.raises(ToolError, match=rf"^exceptions\.yaml: 0\.{field}: Field required"):
        exceptions.read(path)


@pytest.mark.parametrize(
    ("named", "overlays"), [("Deployment/slipway", "[]"), ("Dockerfile", "[dev]")]
)
def test_an_object_is_excused_in_overlays_and_a_file_is_not(
    tmp_path: Path, named: str, overlays: str
) -> None:
    path = tmp_path / "exceptions.yaml"
    rest = "reason: because it is only an example, owner: platform, expires: 2027-01-01"
    path.write_text(f"[{{control: x, object: {named}, overlays: {overlays}, {rest}}}]")
    with pytest.raises(ToolError, match="an object is in at least one, a file in none"):
        exceptions.read(path)


@pytest.mark.parametrize("text", ["a: {", "[{reason: because}]", "", "- control: [1]"])
def test_a_file_that_holds_no_exceptions_is_an_error(tmp_path: Path, text: str) -> None:
    path = tmp_path / "exceptions.yaml"
    path.write_text(text, encoding="utf-8")
    with pytest.raises(ToolError, match=r"^exceptions\.yaml: "):
        exceptions.read(path)
