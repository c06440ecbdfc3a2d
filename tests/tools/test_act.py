import stat
from pathlib import Path

import pytest

from tools import act

LEDGER = {"LEDGER_URL": "https://ledger.example.com", "LEDGER_TOKEN": "a-token"}


@pytest.fixture
def called(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """Have an act that notes how it was called; return where."""
    program = tmp_path / "act"
    program.write_text(f'#!/bin/sh\necho "$@" >{tmp_path}/called\n', encoding="utf-8")
    program.chmod(program.stat().st_mode | stat.S_IXUSR)
    monkeypatch.setattr(act, "ACT", program)
    monkeypatch.setattr(act, "LOGS", tmp_path)
    for name in LEDGER:
        monkeypatch.delenv(name, raising=False)
    return tmp_path / "called"


def test_without_a_ledger_nobody_is_asked_for_its_token(tmp_path: Path, called: Path) -> None:
    assert act.perform(act.Job("ci", "test"), tmp_path, tmp_path) == ""
    assert "LEDGER" not in called.read_text()


def test_the_ledger_of_the_environment_is_named_and_its_token_is_in_no_argument(
    tmp_path: Path, called: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    for name, value in LEDGER.items():
        monkeypatch.setenv(name, value)
    assert act.perform(act.Job("nightly", "drift"), tmp_path, tmp_path) == ""
    assert called.read_text().endswith("--var LEDGER_URL --secret LEDGER_TOKEN\n")
