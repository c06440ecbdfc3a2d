"""A gh that answers from a script."""

from pathlib import Path

import pytest

from tests.tools.conftest import FakeProgram, fake


@pytest.fixture
def gh(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> FakeProgram:
    return fake("gh", tmp_path, monkeypatch)
