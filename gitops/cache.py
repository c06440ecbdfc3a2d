"""What earlier runs have found, by the content of what it was found in.

It is kept in `.cache/gitops` at the top of a clone, and may be deleted at any time. An entry that
cannot be read, or is not for this content, is as good as none. Whoever changes a repository could
also commit such a folder, or a link to another one: that is not ours, and is not used.
"""

from __future__ import annotations

import hashlib
import os
import re
import tempfile
from contextlib import suppress
from dataclasses import dataclass
from functools import cache
from pathlib import Path

from gitops import programs
from gitops.errors import GitopsError

FOLDER = Path(".cache/gitops")
LIMIT = 256 << 20  # bytes of all entries
ENTRY = re.compile(r"(?:rendered|schema)-[0-9a-f]{64}|tmp\w+")  # one being written, too


@dataclass(frozen=True)
class Cache:
    """A folder of entries, each a text."""

    folder: Path

    @classmethod
    def of(cls, top: Path) -> Cache | None:
        """Return the cache of a clone, or of a folder that is in none; None if it is not ours."""
        folder = top / FOLDER
        if folder.is_dir() and (folder != folder.resolve() or may_be_tracked(folder, top)):
            return None
        return cls(folder)

    @property
    def top(self) -> Path:
        """The folder that it is about."""
        return self.folder.parents[len(FOLDER.parts) - 1]

    def get(self, name: str) -> str | None:
        """Return an entry, or None if there is none."""
        file = self.folder / name
        try:
            text = file.read_text(encoding="utf-8")
        except (OSError, UnicodeDecodeError):
            return None
        with suppress(OSError):
            os.utime(file)  # it is in use: others go first
        return text

    def put(self, name: str, text: str) -> None:
        """Write an entry, whole or not at all; a folder that cannot be written to has none."""
        with suppress(OSError, UnicodeEncodeError):
            self.folder.mkdir(parents=True, exist_ok=True)
            ignored = self.folder / ".gitignore"
            if not ignored.exists():
                ignored.write_text("*\n")
            handle, made = tempfile.mkstemp(dir=self.folder)
            try:
                with open(handle, "w", encoding="utf-8") as file:  # noqa: PTH123 - it is open
                    file.write(text)
                Path(made).replace(self.folder / name)
            finally:
                Path(made).unlink(missing_ok=True)

    def prune(self, limit: int = LIMIT) -> None:
        """Remove the entries that were not used for the longest time, beyond a size in bytes."""
        with suppress(OSError):
            entries = [each for each in os.scandir(self.folder) if ENTRY.fullmatch(each.name)]
            found = [(entry.stat(follow_symlinks=False), entry.path) for entry in entries]
            size = sum(stat.st_size for stat, _ in found)
            for stat, path in sorted(found, key=lambda one: one[0].st_mtime_ns):
                if size <= limit:
                    break
                Path(path).unlink(missing_ok=True)
                size -= stat.st_size


def may_be_tracked(folder: Path, top: Path) -> bool:
    """Tell whether git has anything of a folder of a clone, or does not say."""
    if not (top / ".git").exists():
        return False
    with suppress(GitopsError):
        done = programs.run(["git", "ls-files", "--", "."], cwd=folder)
        return bool(done.returncode or done.stdout)
    return True


@cache
def program_digest(path: str) -> str:
    """Return the digest of a program's file: another version may find something else."""
    with Path(path).open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()


def digest(*texts: str) -> str:
    """Return one digest of some texts."""
    found = hashlib.sha256()
    for text in texts:
        found.update(f"{len(text)} {text}".encode("utf-8", "surrogateescape"))
    return found.hexdigest()
