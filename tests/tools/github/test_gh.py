"""gh is asked about the repository that git pushes to, and about no other."""

from pathlib import Path

import pytest

from tests.clone import git
from tests.tools.conftest import put_first
from tools.github.gh import gh, origin

ADDRESSES = {
    "https://github.com/acme/slipway": "acme/slipway",
    "https://github.com/acme/slipway.git": "acme/slipway",
    "https://x-access-token@github.com/acme/my.app.git/": "acme/my.app",
    "git@github.com:acme/slipway.git": "acme/slipway",
    "ssh://git@github.com/acme/slipway": "acme/slipway",
    "https://git.example.com/acme/slipway.git": None,
    "../origin": None,
}
PROGRAM = '#!/bin/sh\necho "$GH_REPO"\n'


@pytest.fixture
def clone(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """The clone of a fork, as gh makes it, with a gh that says which repository it is to ask."""
    monkeypatch.delenv("GH_REPO", raising=False)
    put_first(tmp_path / "bin" / "gh", PROGRAM, monkeypatch)
    git(tmp_path, "init", "--quiet", "clone")
    root = tmp_path / "clone"
    git(root, "remote", "add", "upstream", "https://github.com/slipway/slipway.git")
    git(root, "remote", "add", "origin", "git@github.com:acme/slipway.git")
    return root


def test_it_is_the_origin_and_not_what_was_forked(clone: Path) -> None:
    assert gh("pr", "list", cwd=clone).strip() == "acme/slipway"


def test_what_a_person_has_set_counts(clone: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("GH_REPO", "other/slipway")
    assert gh("pr", "list", cwd=clone).strip() == "other/slipway"


@pytest.mark.parametrize("address", ADDRESSES)
def test_an_origin_is_read_in_every_form_that_git_has(clone: Path, address: str) -> None:
    git(clone, "remote", "set-url", "origin", address)
    assert origin(clone) == ADDRESSES[address]


def test_a_clone_without_an_origin_has_none(clone: Path) -> None:
    git(clone, "remote", "remove", "origin")
    assert origin(clone) is None
