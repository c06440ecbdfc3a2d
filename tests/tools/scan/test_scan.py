import re
from collections.abc import Callable
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta

import pytest

from tools.command import ToolError
from tools.scan import __main__ as tool
from tools.scan import exceptions, material
from tools.scan.exceptions import Exemption
from tools.scan.material import Material, Place, careless
from tools.scan.scanner import Finding, Found, Report, prove

MATERIAL = Material({"dev": ""}, {"Dockerfile": ""})
BITTEN = Finding(Place("careless", "Pod/careless"), "fake-1")
WRONG = Finding(Place("dev", "Pod/x"), "fake-2")
EVERYTHING = {
    *(Place("careless", "Pod/careless"), Place("dev", "Pod/x"), Place("", "Dockerfile")),
    *(Place("", path) for path in careless().files),
}


@dataclass
class Fake:
    """A scanner that finds what it is told to."""

    NAME: str = "fake"
    CONTROLS: re.Pattern[str] = field(default_factory=lambda: re.compile("fake-"))
    FILES: tuple[str, ...] = ("*",)
    PROOF: frozenset[Finding] = frozenset({BITTEN})
    found: Found = field(default_factory=lambda: {BITTEN: "careless"})
    scanned: set[Place] = field(default_factory=lambda: EVERYTHING)
    why: str = ""

    def absent(self) -> str:
        return self.why

    def scan(self, _material: Material) -> Report:
        return Report(self.found, self.scanned)


def run(
    monkeypatch: pytest.MonkeyPatch,
    *scanners: Fake,
    argv: tuple[str, ...] = (),
    exempt: tuple[Exemption, ...] = (),
    check: Callable[[], str] = lambda: "checked",
) -> None:
    monkeypatch.setattr("sys.argv", ["scan", *argv])
    monkeypatch.setattr(tool, "SCANNERS", scanners)
    monkeypatch.setattr(tool, "CHECKS", (check,))
    monkeypatch.setattr(material, "repository", lambda: MATERIAL)
    monkeypatch.setattr(exceptions, "read", lambda: list(exempt))
    tool.main()


def exemption(days: int = 30) -> Exemption:
    expires = datetime.now(UTC).date() + timedelta(days=days)
    reason = "because it is only an example"
    return Exemption.model_validate(
        {"control": "fake-2", "object": "Pod/x", "overlays": ["dev"], "expires": expires}
        | {"reason": reason, "owner": "platform"}
    )


def test_what_is_found_in_the_fixture_proves_the_scanner_and_is_no_finding() -> None:
    assert prove(Fake(found={BITTEN: "careless", WRONG: "bad"}), MATERIAL) == {WRONG: "bad"}


def test_a_scanner_that_lets_the_fixture_pass_proves_nothing() -> None:
    with pytest.raises(ToolError, match="fake missed fake-1 in careless: Pod/careless"):
        prove(Fake(found={WRONG: "bad"}), MATERIAL)


@pytest.mark.parametrize("missed", [Place("dev", "Pod/x"), Place("", "Dockerfile")])
def test_a_scanner_that_looked_at_nothing_somewhere_is_an_error(missed: Place) -> None:
    where = missed.overlay or missed.object
    with pytest.raises(ToolError, match=f"fake checked nothing in {where}$"):
        prove(Fake(scanned=EVERYTHING - {missed}), MATERIAL)


def test_a_scanner_need_not_look_at_files_it_does_not_read() -> None:
    prove(Fake(FILES=(), scanned={each for each in EVERYTHING if each.overlay}), MATERIAL)


def test_each_scanner_has_a_line_of_what_it_found_where(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    run(monkeypatch, Fake(), Fake(NAME="other"))
    assert capsys.readouterr().out.splitlines() == [
        "fake: dev 0, files 0 findings",
        "other: dev 0, files 0 findings",
        "checked",
        "every finding is among the 0 exceptions of k8s/exceptions.yaml",
    ]


def test_the_scan_fails_on_a_finding_of_any_scanner_and_tells_it(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    with pytest.raises(ToolError, match="1 faults"):
        run(monkeypatch, Fake(), Fake(NAME="other", found={BITTEN: "", WRONG: "bad"}))
    assert capsys.readouterr().out.splitlines()[1:] == [
        "other: dev 1, files 0 findings",
        "  dev: Pod/x fails fake-2: bad",
    ]


def test_the_scan_fails_on_what_a_check_refuses(monkeypatch: pytest.MonkeyPatch) -> None:
    def refuse() -> str:
        raise ToolError("a secret")

    with pytest.raises(ToolError, match="a secret"):
        run(monkeypatch, Fake(), check=refuse)


def test_a_scanner_left_out_is_named_and_its_exceptions_are_not_judged(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    run(monkeypatch, Fake(why="get it"), exempt=(exemption(),))
    assert "fake: left out: get it" in capsys.readouterr().out.splitlines()
    with pytest.raises(ToolError, match="1 faults"):
        run(monkeypatch, Fake(), exempt=(exemption(),))
    assert "excuses nothing" in capsys.readouterr().out


def test_an_expired_exception_fails_though_its_scanner_is_left_out(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    with pytest.raises(ToolError, match="1 faults"):
        run(monkeypatch, Fake(why="get it"), exempt=(exemption(days=-2),))


def test_a_required_scanner_cannot_be_left_out(monkeypatch: pytest.MonkeyPatch) -> None:
    with pytest.raises(ToolError, match="fake is required: get it"):
        run(monkeypatch, Fake(why="get it"), argv=("--require", "fake"))
