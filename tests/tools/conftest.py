"""Programs that answer from a script and note what they were asked: kubectl, gh."""

import json
import os
import stat
import sys
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest

PROGRAM = """#!{python} -IS
import json, sys, time

folder = {folder!r}
piped = "-" in sys.argv
call = {{"argv": sys.argv[1:], "stdin": sys.stdin.read() if piped else ""}}
with open(folder + "/calls", "a") as calls:
    calls.write(json.dumps(call) + "\\n")
asked = " ".join(sys.argv[1:])
for answer in json.load(open(folder + "/answers")):
    if answer["to"] in asked:
        print(answer["out"], end="", flush=True)
        print(answer["err"], end="", file=sys.stderr, flush=True)
        time.sleep(answer["stay"])
        sys.exit(answer["status"])
"""


@dataclass(frozen=True)
class FakeProgram:
    """The first answer whose text occurs in the command line is given; without one, silence."""

    folder: Path

    def answer(
        self, to: str, out: str = "", *, err: str = "", status: int = 0, stay: float = 0
    ) -> None:
        answers = json.loads((self.folder / "answers").read_text(encoding="utf-8"))
        new = {"to": to, "out": out, "err": err, "status": status, "stay": stay}
        (self.folder / "answers").write_text(json.dumps([new, *answers]), encoding="utf-8")

    @property
    def calls(self) -> list[dict[str, Any]]:
        path = self.folder / "calls"
        lines = path.read_text(encoding="utf-8").splitlines() if path.exists() else []
        return [json.loads(line) for line in lines]

    def called(self, words: str) -> list[dict[str, Any]]:
        return [call for call in self.calls if words in " ".join(call["argv"])]


FakeKubectl = FakeProgram


def fake(name: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> FakeProgram:
    """Put a program of that name before any real one."""
    folder = tmp_path / name
    put_first(folder / name, PROGRAM.format(python=sys.executable, folder=str(folder)), monkeypatch)
    (folder / "answers").write_text("[]", encoding="utf-8")
    return FakeProgram(folder)


def put_first(program: Path, text: str, monkeypatch: pytest.MonkeyPatch) -> None:
    """Write a program into a folder of its own, and let it be found before any real one."""
    program.parent.mkdir()
    program.write_text(text, encoding="utf-8")
    program.chmod(program.stat().st_mode | stat.S_IXUSR)
    monkeypatch.setenv("PATH", f"{program.parent}{os.pathsep}{os.environ['PATH']}")


@pytest.fixture
def kubectl(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> FakeProgram:
    monkeypatch.delenv("CONFIRM", raising=False)
    kubectl = fake("kubectl", tmp_path, monkeypatch)
    kubectl.answer("config current-context", "laptop\n")
    return kubectl
