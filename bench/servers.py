"""A PostgreSQL server that lives as long as a measurement."""

from __future__ import annotations

import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from tests.postgresql import Server, find_programs
from tools.command import ToolError


@contextmanager
def postgresql(*, durable: bool = False) -> Iterator[tuple[Server, Path]]:
    """Yield a server, and a folder for other files; both are gone afterwards.

    A `durable` one waits for the disk at each commit. Raises ToolError without its programs.
    """
    programs = find_programs()
    if programs is None:
        raise ToolError("PostgreSQL (initdb and pg_ctl) is not installed")
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        folder.chmod(0o755)  # for the user that PostgreSQL runs as
        (folder / "postgresql").mkdir()
        server = Server(programs, folder / "postgresql", durable=durable)
        server.start()
        try:
            yield server, folder
        finally:
            server.stop()
