"""Where tests put their files."""

import os
from pathlib import Path
from types import SimpleNamespace

import pytest

from tests.memory import temporary_folder


def test_a_folder_with_room_is_taken(tmp_path: Path) -> None:
    assert temporary_folder(tmp_path, room=1) == tmp_path


def test_one_that_is_too_small_or_not_there_is_not(tmp_path: Path) -> None:
    assert temporary_folder(tmp_path, room=1 << 60) is None
    assert temporary_folder(tmp_path / "none", room=1) is None


def test_one_in_which_no_program_runs_is_not(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    mounted = SimpleNamespace(f_flag=os.ST_NOEXEC | os.ST_NOSUID)
    monkeypatch.setattr(os, "statvfs", lambda _: mounted)
    assert temporary_folder(tmp_path, room=1) is None
