"""A ledger of any size is moved in the same memory."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]
FEW, MANY = 500, 50_000
MIB = 1024


def peak(folder: Path, *arguments: object) -> int:
    """Run a command in a process of its own; return the most memory it had, in KiB."""
    environment = {**os.environ, "SLIPWAY_DATA_DIR": str(folder), "FLASK_APP": "api"}
    process = subprocess.Popen(
        [sys.executable, "-m", "flask", "ledger", *map(str, arguments)],
        cwd=ROOT,
        env=environment,
        stdout=subprocess.DEVNULL,
    )
    _, status, used = os.wait4(process.pid, 0)
    process.returncode = os.waitstatus_to_exitcode(status)
    assert process.returncode == 0
    return used.ru_maxrss


@pytest.mark.skipif(sys.platform != "linux", reason="other systems count memory in other units")
def test_memory_does_not_grow_with_the_ledger(tmp_path: Path) -> None:
    def measure(number: int) -> tuple[int, int]:
        file = tmp_path / f"{number}"
        with file.open("w") as lines:
            for each in range(number):
                change = f'"service": "checkout", "commit": "{each:040x}"'
                time = '"committed_at": "2026-03-01T12:00:00Z"'
                lines.write(f'{{"type": "change", {change}, {time}}}\n')
        ledger = tmp_path / f"ledger of {number}"
        return peak(ledger, "import", file), peak(ledger, "export", os.devnull)

    few, many = measure(FEW), measure(MANY)

    assert many[0] - few[0] < 10 * MIB
    assert many[1] - few[1] < 10 * MIB
