"""A promotion that may be is a branch and a pull request; one that may not be leaves no trace."""

import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

from tests.tools.conftest import FakeProgram
from tools.command import ToolError
from tools.github import propose

FILE = "k8s/overlays/staging/release/kustomization.yaml"
DIGEST = "sha256:" + "a1b2c3d4e5f6" + "0" * 52
BRANCH = "promote/staging-a1b2c3d4e5f6"
PROPOSAL: dict[str, Any] = {
    "title": "Promote slipway 0.2.0 to staging",
    "from": {"tag": "0.1.0", "digest": "sha256:" + "0" * 64},
    "to": {"tag": "0.2.0", "digest": DIGEST},
    "file": FILE,
    "refused": [],
    "diff": "-newTag: 0.1.0\n+newTag: 0.2.0",
    "body": "It has run in dev for 3 h.",
}


def git(folder: Path, *arguments: str) -> str:
    done = subprocess.run(
        ["git", "-C", folder, *arguments], capture_output=True, text=True, check=True
    )
    return done.stdout.strip()


@pytest.fixture
def clone(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A clone of a repository with a release, for the tool to work in."""
    git(tmp_path, "init", "--bare", "--initial-branch", "main", "origin")
    git(tmp_path, "clone", "--quiet", "origin", "clone")
    folder = tmp_path / "clone"
    for key, value in {"user.name": "Ada", "user.email": "ada@example.com"}.items():
        git(folder, "config", key, value)
    (folder / FILE).parent.mkdir(parents=True)
    (folder / FILE).write_text("newTag: 0.1.0\n")
    git(folder, "add", ".")
    git(folder, "commit", "--quiet", "--message", "Declare 0.1.0")
    git(folder, "push", "--quiet", "origin", "HEAD:main")
    monkeypatch.setattr(propose, "ROOT", folder)
    return folder


def run(monkeypatch: pytest.MonkeyPatch, clone: Path, *options: str, **judged: Any) -> None:
    """Run the tool, with what `gitops promote` judges."""

    def promote(_source: str, _target: str, *more: str) -> dict[str, Any]:
        changed = not judged.get("refused") and "--dry-run" not in more
        if changed:
            (clone / FILE).write_text("newTag: 0.2.0\n")
        return PROPOSAL | judged | {"changed": changed}

    monkeypatch.setattr(propose, "promote", promote)
    monkeypatch.setattr(sys, "argv", ["propose", "--from", "dev", "--to", "staging", *options])
    propose.main()


def test_it_is_one_commit_on_a_branch_of_its_own_and_a_pull_request_that_says_why(
    clone: Path, gh: FakeProgram, monkeypatch: pytest.MonkeyPatch
) -> None:
    run(monkeypatch, clone)

    assert git(clone, "log", "--format=%s", f"main..origin/{BRANCH}") == PROPOSAL["title"]
    assert git(clone, "show", f"origin/{BRANCH}:{FILE}") == "newTag: 0.2.0"
    (opened,) = gh.called("pr create")
    assert {BRANCH, PROPOSAL["title"]} <= set(opened["argv"])
    assert PROPOSAL["body"] in opened["stdin"]
    assert f"```diff\n{PROPOSAL['diff']}\n```" in opened["stdin"]


def test_the_checks_are_started_because_a_token_s_push_starts_none(
    clone: Path, gh: FakeProgram, monkeypatch: pytest.MonkeyPatch
) -> None:
    run(monkeypatch, clone)

    assert gh.called(f"workflow run ci.yaml --ref {BRANCH}")


def test_the_clone_is_as_it_was_afterwards(
    clone: Path, gh: FakeProgram, monkeypatch: pytest.MonkeyPatch
) -> None:
    run(monkeypatch, clone)

    assert git(clone, "branch", "--show-current") == "main"
    assert git(clone, "status", "--porcelain") == ""
    assert gh.calls


def test_the_same_release_is_proposed_once(
    clone: Path, gh: FakeProgram, monkeypatch: pytest.MonkeyPatch
) -> None:
    run(monkeypatch, clone)
    run(monkeypatch, clone)

    assert len(gh.called("pr create")) == 1


def test_what_is_refused_fails_with_every_reason_and_changes_nothing(
    clone: Path, gh: FakeProgram, monkeypatch: pytest.MonkeyPatch
) -> None:
    with pytest.raises(ToolError, match=r"is refused: it soaks; an incident is open$"):
        run(monkeypatch, clone, refused=["it soaks", "an incident is open"])

    assert git(clone, "branch", "--all", "--list", "*promote*") == ""
    assert gh.calls == []


def test_of_what_only_waits_a_refusal_is_no_failure(
    clone: Path,
    gh: FakeProgram,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> None:
    run(monkeypatch, clone, "--if-ready", refused=["it soaks"])

    assert capsys.readouterr().out.endswith("is refused: it soaks\n")
    assert gh.calls == []


def test_what_the_target_has_already_is_not_proposed(
    clone: Path, gh: FakeProgram, monkeypatch: pytest.MonkeyPatch
) -> None:
    run(monkeypatch, clone, **{"from": PROPOSAL["to"]})

    assert gh.calls == []


def test_what_cannot_be_judged_is_told_in_the_words_of_gitops(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.delenv("LEDGER_URL", raising=False)

    with pytest.raises(ToolError, match="no ledger to ask"):
        propose.promote("dev", "staging", "--dry-run")
