"""The page of a release is published once, and completed by whoever runs the job again."""

import json
from pathlib import Path

import pytest

from tests.tools.conftest import FakeProgram, fake
from tools.command import ToolError
from tools.release.page import publish

SBOM = Path(".build/sbom/slipway-1.2.0-amd64.cdx.json")


@pytest.fixture
def gh(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> FakeProgram:
    return fake("gh", tmp_path, monkeypatch)


def made(gh: FakeProgram) -> list[str]:
    return [" ".join(call["argv"][:3]) for call in gh.calls]


def test_a_page_is_made_with_its_text_and_its_files(gh: FakeProgram, tmp_path: Path) -> None:
    gh.answer("release list", "v1.1.0\n")
    publish(tmp_path, "v1.2.0", "What is new.", [SBOM])

    (created,) = gh.called("release create v1.2.0")
    assert created["stdin"] == "What is new."
    assert str(SBOM) in created["argv"]
    assert "--prerelease" not in created["argv"]


def test_what_a_failed_run_has_left_is_completed(gh: FakeProgram, tmp_path: Path) -> None:
    gh.answer("release list", "v1.1.0\nv1.2.0\n")
    gh.answer("release view", json.dumps({"isDraft": True, "assets": [{"name": SBOM.name}]}))
    publish(tmp_path, "v1.2.0", "What is new.", [SBOM])

    assert made(gh)[2:] == ["release upload v1.2.0", "release edit v1.2.0"]
    (edited,) = gh.called("release edit")
    assert "--draft=false" in edited["argv"]
    assert edited["stdin"] == "What is new."


def test_of_a_published_page_only_what_is_missing_is_uploaded(
    gh: FakeProgram, tmp_path: Path
) -> None:
    gh.answer("release list", "v1.2.0\n")
    gh.answer("release view", json.dumps({"isDraft": False, "assets": [{"name": SBOM.name}]}))
    other = SBOM.with_name("slipway-1.2.0-arm64.cdx.json")
    publish(tmp_path, "v1.2.0", "What is new.", [SBOM, other])
    publish(tmp_path, "v1.2.0", "What is new.", [SBOM])

    (uploaded,) = gh.called("release upload")
    assert uploaded["argv"][-1] == str(other)


def test_a_release_candidate_is_no_release(gh: FakeProgram, tmp_path: Path) -> None:
    publish(tmp_path, "v1.2.0-rc.1", "What is new.", [])

    assert gh.called("release create v1.2.0-rc.1 --verify-tag --prerelease")


@pytest.mark.parametrize("refused", ["release list", "release create"])
def test_what_is_refused_is_told(gh: FakeProgram, tmp_path: Path, refused: str) -> None:
    gh.answer(refused, err="HTTP 502", status=1)

    with pytest.raises(ToolError, match=f"gh {refused}: HTTP 502"):
        publish(tmp_path, "v1.2.0", "What is new.", [])
