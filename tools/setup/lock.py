"""Compile the requirements files, which pin every package by version and hash.

It runs before set-up, with any Python. Each file begins with the command that made it: Renovate
runs that again, and understands `--option=value` only.
"""

import argparse
import os
import subprocess
import sys
from collections.abc import Sequence
from pathlib import Path

# What each file is compiled from, and with which further options; a later one may need an earlier.
FILES: dict[str, Sequence[str]] = {
    "requirements.txt": ("pyproject.toml",),
    "requirements-dev.txt": ("--constraint=requirements.txt", "--group=dev", "pyproject.toml"),
    "tools/uv.txt": ("tools/uv.in",),
    "tools/node.txt": ("tools/node.in",),
    "tools/browser.txt": ("tools/browser.in",),
    "tools/peer.txt": ("--constraint=requirements.txt", "tools/peer.in"),
}
COMPILE = ("pip", "compile", "--quiet", "--universal", "--python-version=3.12", "--generate-hashes")


def command(uv: str, name: str, *, upgrade: bool) -> list[str]:
    """Return the command that compiles a file."""
    *options, source = FILES[name]
    newest = ["--upgrade"] if upgrade else []
    return [uv, *COMPILE, *newest, *options, f"--output-file={name}", source]


def compile_file(uv: str, name: str, *, upgrade: bool) -> None:
    """Compile a file; one that stays the same keeps its time, or all would be set up again.

    Raises CalledProcessError if uv fails.
    """
    file = Path(name)
    before, times = file.read_bytes(), file.stat()
    subprocess.run(command(uv, name, upgrade=upgrade), check=True)
    if file.read_bytes() == before:
        os.utime(file, ns=(times.st_atime_ns, times.st_mtime_ns))


def main() -> None:
    """Run the tool; exit with uv's status if it fails."""
    parser = argparse.ArgumentParser(prog="python -m tools.setup.lock", description=__doc__)
    parser.add_argument("--uv", required=True, help="the program uv")
    parser.add_argument("--upgrade", action="store_true", help="take the newest versions")
    given = parser.parse_args()
    try:
        for name in FILES:
            compile_file(given.uv, name, upgrade=given.upgrade)
    except subprocess.CalledProcessError as error:
        sys.exit(error.returncode)


if __name__ == "__main__":
    main()
