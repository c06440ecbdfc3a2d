"""Scans that are make targets of their own, and need something from a server."""

import re
import subprocess
import sys
from pathlib import Path

from tools.command import ROOT, ToolError, run, say


def attempt(target: str, unserved: re.Pattern[str], why: str) -> str:
    """Run a make target; return `why` if its output says it was unserved, nothing if it passed.

    Raises ToolError on any other failure, after showing what the target printed.
    """
    done = run(["make", target], cwd=ROOT)
    if not done.returncode:
        return ""
    output = done.stdout + done.stderr
    if unserved.search(output):
        return f"{why}: run `make {target}` for details"
    say(output.rstrip())
    raise ToolError(f"`make {target}` fails")


def show(program: str | Path, *arguments: str | Path) -> None:
    """Run a scanner with its output shown. Raises ToolError if it fails or is not installed."""
    name = Path(program).name
    sys.stdout.flush()
    try:
        status = subprocess.run([program, *arguments], check=False).returncode
    except FileNotFoundError:
        raise ToolError(f"{name} is not installed: make downloads NAMES={name}") from None
    if status:
        raise ToolError(f"{name} {arguments[0]} ended with exit status {status}")
