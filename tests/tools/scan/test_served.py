"""Scans that need an image, or what a server gives: what has none is left out, and says why."""

import json
from collections.abc import Callable
from pathlib import Path

import pytest

from tools.command import ROOT, ToolError
from tools.release import sbom
from tools.scan import image, kubescape, trivy

Program = Callable[..., Path]
CHECKS = (image.contents, image.vulnerabilities, kubescape.check)
NO_DATABASE = "FATAL init error: DB error: failed to download vulnerability DB: dial tcp: no route"
RULES = "Error: error getting: rules.json from: 'https://github.com/releases/v2' ,error: "
NO_RULES = f'{RULES}Get "https://github.com/releases/v2/rules": dial tcp: no route to host'
NO_SUCH_RULES = f"{RULES}HTTP request failed. URL: '/v2/rules', HTTP-ERROR: '404 Not Found'"


@pytest.fixture
def make(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, program: Program) -> Callable[..., None]:
    """Have an image, Kubescape, Trivy and a make that says what it is told to."""
    archive = tmp_path / "image.tar"
    archive.touch()
    monkeypatch.setattr(image, "ARCHIVE", archive)
    monkeypatch.setattr(trivy, "absent", lambda: "")
    monkeypatch.setattr("shutil.which", lambda name: name)

    def say(out: str = "", *, err: str = "", status: int = 0) -> None:
        program(out, err=err, status=status).rename(tmp_path / "make")
        monkeypatch.setenv("PATH", str(tmp_path))

    return say


def called(folder: Path) -> list[str]:
    argv: list[str] = json.loads((folder / "called").read_text(encoding="utf-8"))["argv"]
    return argv


def test_without_a_program_each_is_left_out_and_says_how_to_get_it(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    monkeypatch.setenv("PATH", str(tmp_path))
    monkeypatch.delenv("TRIVY", raising=False)
    told = dict(check().split(": left out: ") for check in CHECKS)
    assert set(told) == {"sbom", "image", "kubescape"}
    assert told["sbom"] == told["image"] == trivy.absent()
    assert "make downloads NAMES=kubescape" in told["kubescape"]


def test_without_an_image_both_its_scans_are_left_out(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    monkeypatch.setattr(trivy, "absent", lambda: "")
    monkeypatch.setattr(image, "ARCHIVE", tmp_path / "image.tar")
    assert image.contents() == "sbom: left out: there is no image yet: `make save`"
    assert image.vulnerabilities() == "image: left out: there is no image yet: `make save`"


@pytest.mark.parametrize(
    ("check", "target"),
    [(image.vulnerabilities, "scan-image"), (kubescape.check, "kubescape")],
)
def test_what_passes_is_the_target_that_a_person_can_run(
    make: Callable[..., None], tmp_path: Path, check: Callable[[], str], target: str
) -> None:
    make()
    assert "left out" not in check()
    assert called(tmp_path) == [target]


@pytest.mark.parametrize(
    ("check", "said", "why"),
    [
        (image.vulnerabilities, NO_DATABASE, "image: left out: Trivy's database could not be"),
        (kubescape.check, NO_RULES, "kubescape: left out: its rules could not be fetched"),
    ],
)
def test_what_no_server_gives_leaves_it_out(
    make: Callable[..., None], check: Callable[[], str], said: str, why: str
) -> None:
    make(err=said, status=2)
    assert check().startswith(why)


def test_a_release_of_rules_that_is_not_there_is_a_failure(make: Callable[..., None]) -> None:
    make(err=NO_SUCH_RULES, status=2)
    with pytest.raises(ToolError, match="`make kubescape` fails"):
        kubescape.check()


@pytest.mark.parametrize("check", [image.vulnerabilities, kubescape.check])
def test_any_other_failure_is_one_and_shows_what_was_found(
    make: Callable[..., None], check: Callable[[], str], capsys: pytest.CaptureFixture[str]
) -> None:
    make("CVE-2026-1 CRITICAL", status=2)
    with pytest.raises(ToolError, match=r"^`make (scan-image|kubescape)` fails$"):
        check()
    assert "CVE-2026-1 CRITICAL" in capsys.readouterr().out


def test_the_contents_of_the_archive_are_listed_and_nothing_is_left_to_attest(
    make: Callable[..., None], monkeypatch: pytest.MonkeyPatch
) -> None:
    asked: list[tuple[list[str], Path]] = []

    def write(source: list[str], folder: Path, _name: str) -> list[Path]:
        asked.append((source, folder))
        return [folder / "a", folder / "b"]

    make()
    monkeypatch.setattr(sbom, "write", write)
    assert image.contents().startswith("sbom: 2 lists (cyclonedx and spdx-json) have every package")
    ((source, folder),) = asked
    assert source == ["--input", str(image.ARCHIVE)]
    assert not folder.is_relative_to(ROOT)
