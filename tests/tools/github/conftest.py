"""A gh that answers from a script, and is sent nothing that GitHub does not describe."""

import json
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.tools.conftest import FakeProgram, fake
from tests.tools.github.description import faults


@pytest.fixture
def gh(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[FakeProgram]:
    program = fake("gh", tmp_path, monkeypatch)
    yield program
    sent = [(*call["argv"][2:4], call["stdin"]) for call in program.calls if call["stdin"]]
    for method, path, body in sent:
        assert faults(method, path, json.loads(body)) == []
