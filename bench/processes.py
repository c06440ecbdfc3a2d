"""Processes that are measured, and the memory of all that they start, as /proc tells it."""

from __future__ import annotations

import os
import subprocess
import threading
from collections.abc import Iterator, Sequence
from pathlib import Path

INTERVAL = 0.02  # seconds between two looks
PROC = Path("/proc")


def environment() -> dict[str, str]:
    """Return the environment, but that Python keeps what it compiles, as where it is installed."""
    return {name: value for name, value in os.environ.items() if name != "PYTHONDONTWRITEBYTECODE"}


def run(argv: Sequence[str | Path], cwd: Path) -> int:
    """Run a program without its output, and return the most memory of its processes, in bytes.

    That is the sum of what is resident of each at one time: pages that they share count twice.
    Raises CalledProcessError if its exit status is neither 0 nor 1, that something was found.
    """
    most = 0
    ended = threading.Event()
    with subprocess.Popen(argv, cwd=cwd, env=environment(), stdout=subprocess.DEVNULL) as process:

        def watch() -> None:
            nonlocal most
            while not ended.wait(INTERVAL):
                most = max(most, sum(map(resident, tree(process.pid))))

        watcher = threading.Thread(target=watch)
        watcher.start()
        status = process.wait()
        ended.set()
        watcher.join()
    if status > 1:
        raise subprocess.CalledProcessError(status, argv)
    return most


def tree(pid: int) -> Iterator[int]:
    """Yield a process and its descendants, as long as they run.

    A child that has not begun its own program yet has the memory of its parent, and no other.
    """
    yield pid
    own = text(PROC / str(pid) / "cmdline")
    for task in folders(PROC / str(pid) / "task"):
        for child in text(task / "children").split():
            if text(PROC / child / "cmdline") != own:
                yield from tree(int(child))


def resident(pid: int) -> int:
    """Return the bytes of a process that are in memory; none if it has ended."""
    fields = dict(line.split(":", 1) for line in text(PROC / str(pid) / "status").splitlines())
    return int(fields.get("VmRSS", "0 kB").split()[0]) * 1024


def folders(path: Path) -> list[Path]:
    """Return what is in a folder of /proc; nothing if its process has ended."""
    try:
        return [*path.iterdir()]
    except OSError:
        return []


def text(path: Path) -> str:
    """Return a file of /proc; an empty text if its process has ended."""
    try:
        return path.read_text(encoding="utf-8")
    except OSError:
        return ""
