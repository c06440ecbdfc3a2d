"""What earlier runs have found, by the content of what it was found in.

It is kept in `.cache/gitops` at the top of a clone, and may be deleted at any time. An entry that
cannot be read, or is not for this content, is as good as none.
"""

from __future__ import annotations

import hashlib
import os
import tempfile
from contextlib import suppress
from dataclasses import dataclass
from functools import cache
from pathlib import Path

FOLDER = Path(".cache/gitops")
LIMIT = 256 << 20  # bytes of all entries


@dataclass(frozen=True)
class Cache:
    """A folder of entries, each a text."""

    folder: Path

    @classmethod
    def of(cls, top: Path) -> Cache:
        """Return the cache of a clone, or of a folder that is in none."""
        return cls(top / FOLDER)

    def get(self, name: str) -> str | None:
        """Return an entry, or None if there is none."""
        with suppress(OSError, UnicodeDecodeError):
            file = self.folder / name
            text = file.read_text(encoding="utf-8")
            os.utime(file)  # it is in use: others go first
            return text
        return None

    def put(self, name: str, text: str) -> None:
        """Write an entry, whole or not at all; a folder that cannot be written to has none."""
        with suppress(OSError):
            self.folder.mkdir(parents=True, exist_ok=True)
            ignored = self.folder / ".gitignore"
            if not ignored.exists():
                ignored.write_text("*\n")
            with tempfile.NamedTemporaryFile(
                "w", encoding="utf-8", dir=self.folder, delete=False
            ) as file:
                file.write(text)
            Path(file.name).replace(self.folder / name)

    def prune(self, limit: int = LIMIT) -> None:
        """Remove the entries that were not used for the longest time, beyond a size in bytes."""
        with suppress(OSError):
            found = [(entry.stat(), entry.path) for entry in os.scandir(self.folder)]
            size = sum(stat.st_size for stat, _ in found)
            for stat, path in sorted(found, key=lambda one: one[0].st_mtime_ns):
                if size <= limit:
                    break
                Path(path).unlink(missing_ok=True)
                size -= stat.st_size


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
