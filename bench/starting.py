"""Time how the service starts: the import of `api`, and Gunicorn until it is ready."""

from __future__ import annotations

import os
import resource
import subprocess
import time
from pathlib import Path
from typing import Any

from bench.contenders import environment, gunicorn, python


def importing(source: Path, rounds: int) -> dict[str, list[float]]:
    """Return the seconds and the CPU seconds of each import of a revision, after one to warm up."""
    seconds, cpu = [], []
    for _ in range(1 + rounds):
        before, started = _children(), time.perf_counter()
        command = [python(source), "-c", "import api"]
        given = environment() | {"SLIPWAY_PUBLIC_READ": "true"}
        subprocess.run(command, cwd=source, check=True, env=given)
        seconds.append(round(time.perf_counter() - started, 3))
        cpu.append(round(_children() - before, 3))
    return {"seconds": seconds[1:], "cpu_s": cpu[1:]}


def until_ready(source: Path, place: dict[str, Any], rounds: int) -> dict[str, list[float]]:
    """Return how long it takes each time until /readyz answers 200, on one core, after one more."""
    seconds, cpu = [], []
    cores = os.sched_getaffinity(0)
    os.sched_setaffinity(0, {min(cores)})
    try:
        for _ in range(1 + rounds):
            started = time.perf_counter()
            with gunicorn("now", source, place) as contender:
                seconds.append(round(time.perf_counter() - started, 3))
                cpu.append(round(contender.cpu_s(), 3))
    finally:
        os.sched_setaffinity(0, cores)
    return {"seconds": seconds[1:], "cpu_s": cpu[1:]}


def _children() -> float:
    used = resource.getrusage(resource.RUSAGE_CHILDREN)
    return used.ru_utime + used.ru_stime
