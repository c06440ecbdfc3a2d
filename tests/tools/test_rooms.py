"""The size of each room of the code."""

from __future__ import annotations

from pathlib import Path, PurePosixPath

import pytest

from tests.clone import commit, git
from tools.command import ToolError
from tools.rooms import Room, room_of, rooms_at, table

SOURCE = '''\
def short() -> int:
    return 1


@decorated
def long() -> int:
    """Return more."""
    return 2
'''


@pytest.fixture
def repository(tmp_path: Path) -> Path:
    git(tmp_path, "init", "--quiet", "--initial-branch", "main")
    (tmp_path / "api/domain/dora/rules").mkdir(parents=True)
    (tmp_path / "api/domain/dora/rules/verdicts.py").write_text(SOURCE)
    (tmp_path / "setup.py").write_text("")
    (tmp_path / "README.md").write_text("def no_python(): ...\n")
    commit(tmp_path)
    return tmp_path


def test_a_room_has_the_modules_lines_and_functions_of_its_commit(repository: Path) -> None:
    (repository / "setup.py").write_text("changed = True\n")
    assert rooms_at("HEAD", repository) == {
        ".": Room(modules=1),
        "api/domain/dora": Room(modules=1, lines=8, functions=[2, 4]),
        "all": Room(modules=2, lines=8, functions=[2, 4]),
    }


def test_two_commits_are_side_by_side(repository: Path) -> None:
    before = {"api": Room(1, 10, [3]), "all": Room(1, 10, [3])}
    head, *rows = table([before, rooms_at("HEAD", repository)])
    assert head.count("modules") == 2
    assert [row.split() for row in rows] == [
        [".", "1", "0", "0", "0"],
        ["api", "1", "10", "3", "3"],
        ["api/domain/dora", "1", "8", "3", "4"],
        ["all", "1", "10", "3", "3", "2", "8", "3", "4"],
    ]


@pytest.mark.parametrize(
    ("path", "room"),
    [
        ("api/app.py", "api"),
        ("api/http/auth/callers.py", "api/http"),
        ("api/domain/matrix.py", "api/domain"),
        ("api/domain/dora/rules/verdicts.py", "api/domain/dora"),
        ("gitops/checks/inert.py", "gitops"),
        ("setup.py", "."),
    ],
)
def test_a_room_is_a_folder_that_a_newcomer_sees(path: str, room: str) -> None:
    assert room_of(PurePosixPath(path)) == room


def test_a_commit_that_is_not_there_is_one_clear_line(repository: Path) -> None:
    with pytest.raises(ToolError, match="nowhere"):
        rooms_at("nowhere", repository)
