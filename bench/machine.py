"""Describe what was measured, and on what."""

from __future__ import annotations

import os
import platform
import re
import subprocess
from importlib.metadata import version
from pathlib import Path
from typing import Any

from bench.contenders import PEER
from tools.command import ROOT

PACKAGES = ("flask", "apiflask", "gunicorn", "sqlalchemy", "psycopg", "pydantic")
OF_PEER = ("fastapi", "uvicorn", "uvloop", "httptools", "sqlalchemy", "asyncpg", "pydantic")


def describe(programs: Path) -> dict[str, Any]:
    """Return the processor, the memory, and the versions of what takes part."""
    info = Path("/proc/cpuinfo").read_text()
    model = re.search(r"^model name\s*: (.*)$", info, re.MULTILINE)
    memory = os.sysconf("SC_PAGE_SIZE") * os.sysconf("SC_PHYS_PAGES")
    return {
        "processor": model[1] if model else platform.machine(),
        "cores": len(os.sched_getaffinity(0)),
        "memory_gib": round(memory / 2**30),
        "kernel": platform.release().partition("-")[0],
        "load": round(os.getloadavg()[0], 1),
        "python": platform.python_version(),
        "postgresql": _said(str(programs / "postgres"), "--version").split()[2],
        "packages": {name: version(name) for name in PACKAGES},
        "peer": _of_peer() if PEER.exists() else None,
    }


def revision(name: str = "HEAD") -> str:
    """Return the short name of a commit, with a plus sign if the files differ from HEAD."""
    commit = _said("git", "rev-parse", "--short=9", name)
    changed = name == "HEAD" and _said("git", "status", "--porcelain", "--", "api")
    return f"{commit}+" if changed else commit


def _of_peer() -> dict[str, str]:
    program = (
        "import sys; from importlib.metadata import version as v; print(*map(v, sys.argv[1:]))"
    )
    return dict(zip(OF_PEER, _said(str(PEER), "-c", program, *OF_PEER).split(), strict=True))


def _said(*command: str) -> str:
    done = subprocess.run(command, cwd=ROOT, check=True, capture_output=True, text=True)
    return done.stdout.strip()
