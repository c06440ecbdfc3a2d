"""The comment on a pull request: one, up to date, on the right one, whatever the text says."""

import json
from pathlib import Path
from typing import Any

import pytest

from gitops.diff.markdown import Report, comment
from tests.tools.conftest import FakeProgram
from tools.command import ToolError
from tools.github.comment import BOT, LONGEST, MARKER, publish, pull_request, read

WHERE = "acme/slipway"
TEXT = f"{MARKER}\n\nnothing differs\n"


def existing(login: str, body: str = TEXT) -> dict[str, Any]:
    return {"id": 7, "user": {"login": login}, "body": body}


def sent(gh: FakeProgram) -> tuple[str, str, str]:
    """Return the method, the path and the text of what was sent."""
    (call,) = [each for each in gh.calls if "--input" in each["argv"]]
    return call["argv"][2], call["argv"][3], json.loads(call["stdin"])["body"]


def test_the_first_line_that_make_diff_writes_is_the_one_that_is_looked_for() -> None:
    assert comment(Report("k8s", "main", "0" * 40, [], [])).startswith(f"{MARKER}\n")


def test_a_first_comment_is_added(gh: FakeProgram) -> None:
    gh.answer("issues/5/comments", json.dumps([[existing("ada", "hello")]]))
    gh.answer("--method POST", json.dumps({"html_url": "there"}))

    assert publish(WHERE, 5, TEXT) == "there"
    assert sent(gh) == ("POST", "repos/acme/slipway/issues/5/comments", TEXT)


def test_the_comment_that_is_there_on_any_page_is_replaced(gh: FakeProgram) -> None:
    gh.answer("issues/5/comments", json.dumps([[existing("ada", "hello")], [existing(BOT)]]))
    gh.answer("--method PATCH", json.dumps({"html_url": "there"}))
    publish(WHERE, 5, TEXT)

    assert sent(gh) == ("PATCH", "repos/acme/slipway/issues/comments/7", TEXT)


def test_a_comment_of_somebody_else_with_the_same_first_line_is_left_alone(gh: FakeProgram) -> None:
    gh.answer("issues/5/comments", json.dumps([[existing("mallory")]]))
    gh.answer("--method POST", json.dumps({"html_url": "there"}))
    publish(WHERE, 5, TEXT)

    assert sent(gh)[0] == "POST"


def test_it_goes_to_the_pull_request_that_ends_with_the_commit_that_was_rendered(
    gh: FakeProgram,
) -> None:
    heads = [{"number": 4, "head": {"sha": "older"}}, {"number": 5, "head": {"sha": "newest"}}]
    gh.answer("repos/acme/slipway/pulls", json.dumps([heads]))

    assert pull_request(WHERE, "mallory", "a&state=all", "newest") == 5
    assert pull_request(WHERE, "mallory", "a&state=all", "gone") is None
    # One argument, which gh encodes: a branch's name can add nothing to the question.
    assert "head=mallory:a&state=all" in gh.calls[0]["argv"]


@pytest.mark.parametrize(
    ("text", "complaint"),
    [
        ("hello\n", "does not begin with"),
        (f"{MARKER} and more\n", "does not begin with"),
        (f"{MARKER}\n" + "x" * LONGEST, "characters"),
    ],
)
def test_what_make_diff_does_not_write_is_refused(
    tmp_path: Path, text: str, complaint: str
) -> None:
    (tmp_path / "comment.md").write_text(text)

    with pytest.raises(ToolError, match=complaint):
        read(tmp_path / "comment.md")


def test_what_is_no_text_is_refused(tmp_path: Path) -> None:
    (tmp_path / "comment.md").write_bytes(b"\xff\xfe")

    with pytest.raises(ToolError, match=r"comment\.md"):
        read(tmp_path / "comment.md")
