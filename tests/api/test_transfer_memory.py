"""A ledger of any size is moved in the same memory."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]
FEW, MANY = 500, 20_000
MIB = 1024
# Prints after each command the most memory that the process has had so far, in KiB.
MOVE = """
import os, resource, sys
from api.app import create_app

runner = create_app().test_cli_runner()
for file in sys.argv[1:]:
    for words in (["import", file], ["export", os.devnull]):
        done = runner.invoke(args=["ledger", *words])
        assert done.exit_code == 0, done.output
        print(resource.getrusage(resource.RUSAGE_SELF).ru_maxrss)
"""


def written(folder: Path, number: int) -> Path:
    """Write the lines of a number of changes."""
    file = folder / f"{number}"
    with file.open("w") as lines:
        for each in range(number):
            change = f'"service": "checkout", "commit": "{each:040x}"'
            time = '"committed_at": "2026-03-01T12:00:00Z"'
            lines.write(f'{{"type": "change", {change}, {time}}}\n')
    return file


@pytest.mark.skipif(sys.platform != "linux", reason="other systems count memory in other units")
def test_memory_does_not_grow_with_the_ledger(tmp_path: Path) -> None:
    files = [written(tmp_path, number) for number in (FEW, MANY)]
    done = subprocess.run(
        [sys.executable, "-c", MOVE, *files],
        cwd=ROOT,
        env={**os.environ, "SLIPWAY_DATA_DIR": str(tmp_path / "ledger")},
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 0, done.stderr
    *_, few, imported, exported = map(int, done.stdout.split())

    assert imported - few < 5 * MIB
    assert exported - few < 5 * MIB
