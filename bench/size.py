"""Count the files and lines of each room, at one revision or beside each other at several.

python -m bench.size              # the commit that is checked out
python -m bench.size 0.1.0 HEAD   # before and after
"""

from __future__ import annotations

import argparse
import subprocess
from collections import Counter
from pathlib import Path, PurePosixPath

ROOT = Path(__file__).parents[1]
# Folders whose own folders are rooms; in all others the first folder is the room.
DEEP = {"api": 1, "tests": 1, "tools": 1, "k8s": 1, ".github": 1}


def git(*arguments: str) -> bytes:
    """Run git in this repository and return what it prints."""
    return subprocess.run(["git", *arguments], cwd=ROOT, check=True, capture_output=True).stdout


def room(path: str) -> str:
    """Return the room that a file is in: a folder, or `.` for the top."""
    folders = PurePosixPath(path).parts[:-1]
    if folders[:2] == ("api", "domain"):
        return "/".join(folders[:3])
    return "/".join(folders[: DEEP.get(folders[0], 0) + 1]) if folders else "."


def measure(revision: str) -> tuple[Counter[str], Counter[str]]:
    """Return how many text files and how many of their lines each room has at a revision."""
    files: Counter[str] = Counter()
    lines: Counter[str] = Counter()
    # An empty tree on the other side, so that every file is listed with all its lines as added.
    empty = git("hash-object", "-t", "tree", "/dev/null").decode().strip()
    for row in git("diff", "--numstat", "--no-renames", "-z", empty, revision).decode().split("\0"):
        if not row:
            continue
        added, _, path = row.split("\t")
        if added != "-":  # a binary file
            files[room(path)] += 1
            lines[room(path)] += int(added)
    return files, lines


def main() -> None:
    """Print a table with a row for each room and two columns for each revision."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.formatter_class = argparse.RawDescriptionHelpFormatter
    parser.add_argument("revisions", nargs="*", default=["HEAD"], help="what git calls a commit")
    revisions = parser.parse_args().revisions
    measured = [measure(revision) for revision in revisions]
    print("| room |" + "".join(f" files {name} | lines {name} |" for name in revisions))
    print("| --- |" + " ---: | ---: |" * len(revisions))
    rooms = sorted({name for files, _ in measured for name in files})
    for name in rooms:
        print(f"| {name} |" + "".join(f" {each[0][name]} | {each[1][name]} |" for each in measured))
    totals = [(files.total(), lines.total()) for files, lines in measured]
    print("| total |" + "".join(f" {files} | {lines} |" for files, lines in totals))


if __name__ == "__main__":
    main()
