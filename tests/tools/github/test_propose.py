"""A promotion that may be is a branch and a pull request; one that may not be leaves no trace."""

import sys
from pathlib import Path
from typing import Any

import pytest

from tests.clone import git
from tests.tools.github.forge import Forge
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


@pytest.fixture
def forge(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Forge:
    return Forge.put(tmp_path, tmp_path / "origin", monkeypatch)


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
    clone: Path, forge: Forge, monkeypatch: pytest.MonkeyPatch
) -> None:
    run(monkeypatch, clone)

    assert git(clone, "log", "--format=%s", f"main..origin/{BRANCH}") == PROPOSAL["title"]
    assert git(clone, "show", f"origin/{BRANCH}:{FILE}") == "newTag: 0.2.0"
    (opened,) = forge.pulls
    assert (opened["branch"], opened["title"]) == (BRANCH, PROPOSAL["title"])
    assert PROPOSAL["body"] in opened["body"]
    assert f"```diff\n{PROPOSAL['diff']}\n```" in opened["body"]


def test_the_checks_are_started_because_a_token_s_pull_request_waits_for_approval(
    clone: Path, forge: Forge, monkeypatch: pytest.MonkeyPatch
) -> None:
    run(monkeypatch, clone)

    assert forge.checks == [git(clone, "rev-parse", f"origin/{BRANCH}")]


@pytest.mark.parametrize("refused", ["pr list", "pr create", "run list", "workflow run"])
def test_what_failed_at_any_point_is_completed_by_the_next_run(
    clone: Path, forge: Forge, monkeypatch: pytest.MonkeyPatch, refused: str
) -> None:
    forge.refuse(refused)
    with pytest.raises(ToolError, match=f"{refused} is refused"):
        run(monkeypatch, clone)
    assert git(clone, "branch", "--show-current") == "main"
    assert git(clone, "status", "--porcelain") == ""

    forge.refuse()
    # Meanwhile somebody merged something else: the branch that was left is of an older main.
    git(clone, "commit", "--quiet", "--allow-empty", "--message", "Another change")
    run(monkeypatch, clone)

    assert [each["state"] for each in forge.pulls] == ["OPEN"]
    assert forge.checks == [git(clone, "rev-parse", f"origin/{BRANCH}")]
    run(monkeypatch, clone)
    assert (len(forge.pulls), len(forge.checks)) == (1, 1)


def test_a_push_that_is_refused_is_made_good_by_the_next_run(
    clone: Path, forge: Forge, monkeypatch: pytest.MonkeyPatch
) -> None:
    hook = clone.with_name("origin") / "hooks/pre-receive"
    hook.write_text("#!/bin/sh\nexit 1\n")
    hook.chmod(0o755)
    with pytest.raises(ToolError, match="git push"):
        run(monkeypatch, clone)
    hook.unlink()
    run(monkeypatch, clone)

    assert len(forge.pulls) == len(forge.checks) == 1


def test_the_clone_is_as_it_was_afterwards(
    clone: Path, forge: Forge, monkeypatch: pytest.MonkeyPatch
) -> None:
    run(monkeypatch, clone)

    assert git(clone, "branch", "--show-current") == "main"
    assert git(clone, "status", "--porcelain") == ""
    assert forge.pulls


def test_the_same_release_is_proposed_once(
    clone: Path,
    forge: Forge,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> None:
    run(monkeypatch, clone)
    run(monkeypatch, clone)

    assert len(forge.pulls) == 1
    assert capsys.readouterr().out.endswith("https://forge.example/pull/1 is open\n")


def test_a_pull_request_that_says_something_else_is_left_alone(
    clone: Path, forge: Forge, monkeypatch: pytest.MonkeyPatch
) -> None:
    run(monkeypatch, clone)
    assert forge.pulls
    git(clone, "switch", "--quiet", BRANCH)
    (clone / FILE).write_text("newTag: mine\n")
    git(clone, "commit", "--quiet", "--all", "--message", "Mine")
    git(clone, "push", "--quiet", "origin", "HEAD")
    git(clone, "switch", "--quiet", "main")

    with pytest.raises(ToolError, match=rf"/pull/1 is open with another {FILE}: merge or close"):
        run(monkeypatch, clone)
    assert git(clone, "show", f"origin/{BRANCH}:{FILE}") == "newTag: mine"


@pytest.mark.parametrize(("state", "said"), [("CLOSED", "closed"), ("MERGED", "taken back since")])
def test_what_somebody_has_decided_waits_for_somebody_to_ask_again(
    clone: Path,
    forge: Forge,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
    state: str,
    said: str,
) -> None:
    run(monkeypatch, clone)
    forge.decide(state)

    run(monkeypatch, clone, "--if-ready")
    assert len(forge.pulls) == 1
    assert said in capsys.readouterr().out

    run(monkeypatch, clone)
    assert [each["state"] for each in forge.pulls] == [state, "OPEN"]


def test_a_stranger_s_branch_of_the_same_name_stops_nothing(
    clone: Path, forge: Forge, monkeypatch: pytest.MonkeyPatch
) -> None:
    forge.from_fork(BRANCH)
    run(monkeypatch, clone, "--if-ready")

    assert [each["isCrossRepository"] for each in forge.pulls] == [True, False]


def test_what_is_refused_fails_with_every_reason_and_changes_nothing(
    clone: Path, forge: Forge, monkeypatch: pytest.MonkeyPatch
) -> None:
    with pytest.raises(ToolError, match=r"is refused: it soaks; an incident is open$"):
        run(monkeypatch, clone, refused=["it soaks", "an incident is open"])

    assert git(clone, "branch", "--all", "--list", "*promote*") == ""
    assert forge.pulls == []


def test_of_what_only_waits_a_refusal_is_no_failure(
    clone: Path,
    forge: Forge,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> None:
    run(monkeypatch, clone, "--if-ready", refused=["it soaks"])

    assert capsys.readouterr().out.endswith("is refused: it soaks\n")
    assert forge.pulls == []


def test_what_the_target_has_already_is_not_proposed(
    clone: Path, forge: Forge, monkeypatch: pytest.MonkeyPatch
) -> None:
    run(monkeypatch, clone, **{"from": PROPOSAL["to"]})

    assert forge.pulls == []


def test_what_cannot_be_judged_is_told_in_the_words_of_gitops(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.delenv("LEDGER_URL", raising=False)

    with pytest.raises(ToolError, match="no ledger to ask"):
        propose.promote("dev", "staging", "--dry-run")
