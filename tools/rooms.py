"""Print the size of each room of the code at a commit, and of a commit before it beside that.

The length of a function is that of its source, in lines, with its decorators and docstring.
"""

import argparse
import ast
import io
import subprocess
import tarfile
from collections import defaultdict
from dataclasses import dataclass, field
from pathlib import Path, PurePosixPath
from statistics import median, quantiles

from tools.command import ROOT, ToolError, exit_with, say

# The depth of the folders that are rooms; below any other folder everything is one.
DEPTHS = {"api": 2, "api/domain": 3, "tests": 2, "tools": 2}


@dataclass
class Room:
    """The modules of a room: how many they are, their lines, and the length of each function."""

    modules: int = 0
    lines: int = 0
    functions: list[int] = field(default_factory=list)

    def add(self, text: str) -> None:
        """Count a module."""
        self.modules += 1
        self.lines += text.count("\n")
        for node in ast.walk(ast.parse(text)):
            if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef):
                first = min([node.lineno, *(line.lineno for line in node.decorator_list)])
                self.functions.append((node.end_lineno or first) - first + 1)

    def __str__(self) -> str:
        lengths = sorted(self.functions)
        long = (
            quantiles(lengths, n=10, method="inclusive")[-1] if len(lengths) > 1 else sum(lengths)
        )
        middle = median(lengths) if lengths else 0
        return f"{self.modules:>8} {self.lines:>7} {middle:>7.0f} {long:>5.0f}"


def room_of(path: PurePosixPath) -> str:
    """Return the room of a module: `api/domain/dora` of api/domain/dora/rules/verdicts.py."""
    folders = path.parts[:-1]
    depth = max((depth for room, depth in DEPTHS.items() if path.is_relative_to(room)), default=1)
    return "/".join(folders[:depth]) or "."


def rooms_at(commit: str, root: Path = ROOT) -> dict[str, Room]:
    """Return the rooms with Python modules at a commit. Raises ToolError if there is none."""
    done = subprocess.run(
        ["git", "archive", "--format=tar", commit], cwd=root, capture_output=True, check=False
    )
    if done.returncode:
        raise ToolError(done.stderr.decode().strip())
    rooms: dict[str, Room] = defaultdict(Room)
    with tarfile.open(fileobj=io.BytesIO(done.stdout)) as archive:
        for member in archive:
            path = PurePosixPath(member.name)
            if path.suffix == ".py" and (file := archive.extractfile(member)):
                text = file.read().decode()
                rooms[room_of(path)].add(text)
                rooms["all"].add(text)
    return dict(rooms)


def table(columns: list[dict[str, Room]]) -> list[str]:
    """Return the lines of a table with a row for each room, the newest commit last."""
    names = sorted({name for rooms in columns for name in rooms} - {"all"})
    head = f"{'modules':>8} {'lines':>7} {'median':>7} {'p90':>5}"
    lines = [f"{'room':<28}" + "  ".join(head for _ in columns)]
    for name in [*names, "all"]:
        cells = [str(rooms[name]) if name in rooms else " " * len(head) for rooms in columns]
        lines.append(f"{name:<28}" + "  ".join(cells).rstrip())
    return lines


def main() -> None:
    """Run the tool."""
    parser = argparse.ArgumentParser(prog="python -m tools.rooms", description=__doc__)
    parser.add_argument("commit", nargs="?", default="HEAD", help="(default: %(default)s)")
    parser.add_argument("--base", metavar="REF", help="a commit to compare with")
    given = parser.parse_args()
    commits = [given.base, given.commit] if given.base else [given.commit]
    for line in table([rooms_at(commit) for commit in commits]):
        say(line)


if __name__ == "__main__":
    exit_with(main)
