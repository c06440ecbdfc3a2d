"""Where tests put their files: in memory where there is room, because half of their time would be
spent waiting for a disk."""

from __future__ import annotations

import os
import shutil
from pathlib import Path

# A file system in memory, on every Linux. In a container it may be of 64 MiB.
FOLDER = Path("/dev/shm")  # noqa: S108 - tempfile makes the names below it
# A whole run needs 0.6 GiB at most.
ROOM = 2 << 30


def temporary_folder(folder: Path = FOLDER, room: int = ROOM) -> Path | None:
    """Return a folder in memory, None if there is none in which programs run, with enough room."""
    if not folder.is_dir() or not os.access(folder, os.W_OK):
        return None
    if os.statvfs(folder).f_flag & os.ST_NOEXEC or shutil.disk_usage(folder).free < room:
        return None
    return folder
