"""What scanners found is shown in code scanning, each under its own name."""

import base64
import gzip
import json
from pathlib import Path

import pytest

from tests.tools.conftest import FakeProgram
from tools.command import ToolError
from tools.github.sarif import upload

WHERE = ("acme/slipway", "0" * 40, "refs/pull/5/merge")


def test_a_file_is_uploaded_with_its_name_as_category(gh: FakeProgram, tmp_path: Path) -> None:
    (tmp_path / "image.sarif").write_text(json.dumps({"version": "2.1.0", "runs": [{"tool": {}}]}))
    gh.answer("code-scanning/sarifs", "{}")
    upload(tmp_path / "image.sarif", *WHERE)

    (call,) = gh.calls
    body = json.loads(call["stdin"])
    assert call["argv"][3] == "repos/acme/slipway/code-scanning/sarifs"
    assert (body["commit_sha"], body["ref"]) == WHERE[1:]
    document = json.loads(gzip.decompress(base64.b64decode(body["sarif"])))
    assert document["runs"] == [{"tool": {}, "automationDetails": {"id": "image/"}}]


@pytest.mark.parametrize("text", ["", "[]", '{"version": "2.1.0"}'])
def test_what_is_no_sarif_is_refused_before_anything_is_sent(
    gh: FakeProgram, tmp_path: Path, text: str
) -> None:
    (tmp_path / "image.sarif").write_text(text)

    with pytest.raises(ToolError, match="is not a SARIF file"):
        upload(tmp_path / "image.sarif", *WHERE)
    assert gh.calls == []


def test_a_refusal_of_github_is_told_in_its_words(gh: FakeProgram, tmp_path: Path) -> None:
    (tmp_path / "image.sarif").write_text('{"runs": []}')
    gh.answer("code-scanning", err="HTTP 403: Code Security must be enabled", status=1)

    with pytest.raises(ToolError, match="Code Security must be enabled"):
        upload(tmp_path / "image.sarif", *WHERE)
