"""Measure the peak memory of a process that answers one request: each sum, and pending promotions.

The ledger is on SQLite. Each request is made in a process of its own, because a process does not
return memory.
"""

from __future__ import annotations

import json
import subprocess
import sys
import time
from pathlib import Path
from typing import Any

from api.app import create_app
from bench.questions import PENDING, SUMS
from tools.command import ROOT

SMALL = "/api/v1/deployments?limit=1"


def measure(folder: Path) -> list[dict[str, Any]]:
    """Return the memory in MiB, before and at most, and the CPU seconds of each answer."""
    found = []
    for path in [PENDING, *SUMS]:
        command = [sys.executable, "-m", "bench.memory", str(folder), path]
        done = subprocess.run(command, cwd=ROOT, check=True, stdout=subprocess.PIPE)
        found.append(json.loads(done.stdout))
    return found


def ask(folder: Path, path: str) -> dict[str, Any]:
    """Make one request in this process, and return what it took."""
    settings = {"DATA_DIR": folder, "LOG_LEVEL": "error", "PUBLIC_READ": True}
    client = create_app(settings).test_client()
    client.get(SMALL)
    before, started = peak(), time.process_time()
    status = client.get(path).status_code
    if status != 200:  # noqa: PLR2004
        raise SystemExit(f"GET {path}: {status}")
    cpu_s = round(time.process_time() - started, 2)
    return {"path": path, "before_mib": before, "most_mib": peak(), "cpu_s": cpu_s}


def peak() -> int:
    """Return the peak memory of this program, in MiB.

    Not `ru_maxrss`, which is at least that of the process that started this one.
    """
    status = Path("/proc/self/status").read_text()
    return int(status.partition("VmHWM:")[2].split()[0]) // 1024


if __name__ == "__main__":
    print(json.dumps(ask(Path(sys.argv[1]), sys.argv[2])))
