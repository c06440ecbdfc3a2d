import os
import stat
from pathlib import Path

import pytest

from tools.command import ROOT
from tools.setup import lock

# Writes a file's new content, if there is one, in place of what it compiled.
UV = """#!/bin/sh
for word; do
  case "$word" in --output-file=*) file="${word#*=}" ;; esac
done
[ ! -e "$file.new" ] || cat "$file.new" >"$file"
touch "$file"
"""


@pytest.fixture
def uv(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> str:
    monkeypatch.chdir(tmp_path)
    program = tmp_path / "uv"
    program.write_text(UV, encoding="utf-8")
    program.chmod(program.stat().st_mode | stat.S_IXUSR)
    return str(program)


@pytest.mark.parametrize(("new", "kept"), [(None, True), ("flask==4\n", False)])
def test_a_file_keeps_its_time_if_it_stays_the_same(uv: str, new: str | None, kept: bool) -> None:
    file = Path("requirements.txt")
    file.write_text("flask==3\n", encoding="utf-8")
    os.utime(file, (1, 1))
    if new:
        Path("requirements.txt.new").write_text(new, encoding="utf-8")
    lock.compile_file(uv, "requirements.txt", upgrade=False)

    assert file.read_text(encoding="utf-8") == (new or "flask==3\n")
    assert (file.stat().st_mtime == 1) is kept


@pytest.mark.parametrize("name", lock.FILES)
def test_a_file_is_compiled_by_the_command_that_its_first_lines_name(name: str) -> None:
    _, written = (ROOT / name).read_text(encoding="utf-8").splitlines()[:2]
    command = " ".join(lock.command("uv", name, upgrade=False))

    assert written == f"#    {command.replace(' --quiet', '')}"


def test_the_newest_versions_are_taken_if_asked() -> None:
    assert "--upgrade" in lock.command("uv", "requirements.txt", upgrade=True)
