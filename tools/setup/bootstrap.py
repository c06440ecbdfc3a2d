"""Install the pinned uv into a folder, with nothing but the installed Python.

Usage: python3 tools/setup/bootstrap.py FOLDER REQUIREMENTS

uv then finds or fetches the Python version the project wants, so this is the only step that has to
work on whatever `python3` a machine happens to have (3.11 or newer).
"""

from __future__ import annotations

import shutil
import subprocess
import sys
from pathlib import Path

OLDEST = (3, 11)
PIP = ["-m", "pip", "--disable-pip-version-check", "--quiet", "install", "--require-hashes"]


def pip_commands(folder: Path, requirements: Path) -> list[list[list[str]]]:
    """Return the ways to install, best first, each a list of commands."""
    private = str(folder / "bin" / "python")
    return [
        [[sys.executable, "-m", "venv", str(folder)], [private, *PIP, "-r", str(requirements)]],
        # Debian's python3 may have pip without the venv module.
        [[sys.executable, *PIP, "--target", str(folder), "-r", str(requirements)]],
    ]


def install(folder: Path, requirements: Path) -> list[str]:
    """Try each way until `FOLDER/bin/uv` exists; return the errors of those that failed."""
    complaints: list[str] = []
    for commands in pip_commands(folder, requirements):
        shutil.rmtree(folder, ignore_errors=True)
        for command in commands:
            done = subprocess.run(command, capture_output=True, text=True, check=False)
            if done.returncode:
                complaints.append(done.stderr.strip() or done.stdout.strip())
                break
        else:
            return []
    shutil.rmtree(folder, ignore_errors=True)
    return complaints


def main(arguments: list[str]) -> int:
    """Install and return the exit status: 0 done, 1 cannot, 2 wrong usage."""
    if len(arguments) != 2:  # noqa: PLR2004
        print(__doc__, file=sys.stderr)
        return 2
    if sys.version_info < OLDEST:
        print(f"python3 is {sys.version.split()[0]}; 3.11 or newer is needed.", file=sys.stderr)
        return 1
    complaints = install(Path(arguments[0]), Path(arguments[1]))
    if complaints:
        print("\n".join(complaints), file=sys.stderr)
        print(
            "uv could not be installed. python3 needs its venv module or pip"
            " (Debian and Ubuntu: apt-get install python3-venv) and a package registry.",
            file=sys.stderr,
        )
        return 1
    return 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
