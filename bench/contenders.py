"""Who is compared: this revision, another one, and the peer, each served by one process."""

from __future__ import annotations

import os
import subprocess
import sys
import time
import urllib.request
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import Any

from bench import processes
from tests.ports import free_port
from tools.command import ROOT, ToolError

PEER = ROOT / ".tools/peer/bin/python"
UV = ROOT / ".tools/uv/bin/uv"
TICKS = os.sysconf("SC_CLK_TCK")
PATIENCE_S = 300
# As the image of the present revision, which the others have, too.
ALLOCATING = {"MALLOC_ARENA_MAX": "2"}
# What the image has of a revision.
SERVED = ("api", "gunicorn.conf.py", "requirements.txt")


class Contender:
    """A server on loopback."""

    def __init__(self, name: str, process: subprocess.Popen[bytes], port: int) -> None:
        self.name = name
        self.process = process
        self.port = port

    def cpu_s(self) -> float:
        """Return the CPU seconds that its processes have used so far."""
        fields = (Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2] for pid in self._pids())
        # utime and stime; the list begins after the name, with the third field.
        return sum(sum(map(int, stat.split()[11:13])) for stat in fields) / TICKS

    def memory_mib(self) -> float:
        """Return what its processes hold in memory, shared pages in equal parts."""
        texts = (Path(f"/proc/{pid}/smaps_rollup").read_text() for pid in self._pids())
        lines = (line for text in texts for line in text.splitlines() if line.startswith("Pss:"))
        return sum(int(line.split()[1]) for line in lines) / 1024

    def _pids(self) -> list[int]:
        pid = self.process.pid
        children = Path(f"/proc/{pid}/task/{pid}/children").read_text().split()
        return [pid, *map(int, children)]


def python(source: Path) -> str:
    """Return the Python of the revision in a folder, which has the packages that it is made for."""
    return str(source / ".venv/bin/python")


@contextmanager
def gunicorn(
    name: str,
    source: Path,
    place: dict[str, Any],
    application: str = "api:application",
    probe: str = "/readyz",
) -> Iterator[Contender]:
    """Serve the revision in a folder on a database, as in production, until the end."""
    port = free_port()
    command = [python(source), "-m", "gunicorn", "-b", f"127.0.0.1:{port}", application]
    with _started(name, command, source, place, port, probe) as contender:
        yield contender


@contextmanager
def peer(place: dict[str, Any]) -> Iterator[Contender]:
    """Serve the peer on a database until the end."""
    port = free_port()
    command = [str(PEER), "-m", "uvicorn", "bench.peer.app:app", "--port", str(port)]
    # What the documentation of Uvicorn recommends; the peer logs its requests itself.
    command += ["--loop", "uvloop", "--http", "httptools", "--workers", "1", "--no-access-log"]
    command += ["--log-level", "warning"]
    with _started("peer", command, ROOT, place, port, "/healthz") as contender:
        yield contender


def extract(revision: str, folder: Path) -> Path:
    """Write the service of another revision to a folder, with its own packages."""
    folder.mkdir()
    done = subprocess.run(
        ["git", "archive", revision, *SERVED], cwd=ROOT, check=True, capture_output=True
    )
    subprocess.run(["tar", "-x"], cwd=folder, check=True, input=done.stdout)
    return _install(folder)


def present(folder: Path) -> Path:
    """Link the present service into a folder, with the packages of the image and no others.

    Those of a developer would be imported, too: structlog imports rich where that is installed.
    """
    folder.mkdir()
    for name in SERVED:
        (folder / name).symlink_to(ROOT / name)
    return _install(folder)


def environment() -> dict[str, str]:
    """Return the environment without settings of the service, and as the image has it.

    The image has compiled files of everything, which the first start writes here.
    """
    kept = {
        name: value for name, value in processes.environment().items() if "SLIPWAY_" not in name
    }
    return kept | ALLOCATING


def _install(folder: Path) -> Path:
    quiet = [str(UV), "--quiet"]
    subprocess.run([*quiet, "venv", "--python", sys.executable, ".venv"], cwd=folder, check=True)
    sync = [*quiet, "pip", "sync", "--require-hashes", "--compile-bytecode", "requirements.txt"]
    subprocess.run([*sync, "--python", python(folder)], cwd=folder, check=True)
    return folder


@contextmanager
def _started(
    name: str, command: list[str], source: Path, place: dict[str, Any], port: int, probe: str
) -> Iterator[Contender]:
    settings = {**place, "RATE_LIMIT": "1000000 per second", "LOG_LEVEL": "info"}
    given = environment() | {f"SLIPWAY_{name}": str(value) for name, value in settings.items()}
    process = subprocess.Popen(command, cwd=source, env=given, stdout=subprocess.DEVNULL)
    try:
        _await(process, f"http://127.0.0.1:{port}{probe}")
        yield Contender(name, process, port)
    finally:
        process.terminate()
        process.wait()


def _await(process: subprocess.Popen[bytes], url: str) -> None:
    deadline = time.monotonic() + PATIENCE_S
    while time.monotonic() < deadline and process.poll() is None:
        with suppress(OSError), urllib.request.urlopen(url, timeout=2):
            return
        time.sleep(0.01)
    raise ToolError(f"{' '.join(map(str, process.args))} does not serve")  # type: ignore[arg-type]
