"""A program that is downloaded is installed only if it is the one that was meant."""

import hashlib
import io
import tarfile
from pathlib import Path

import pytest

from tools.command import ToolError
from tools.scan import trivy
from tools.setup.download import Download, choose, install, known

PROGRAM = b"#!/bin/sh\necho hello\n"


def offer(folder: Path, content: bytes, sha256: str | None = None) -> Download:
    """Return the download of a file that is really there."""
    (folder / "tool-1.0").write_bytes(content)
    url = (folder / "tool-{version}").as_uri().replace("%7B", "{").replace("%7D", "}")
    return Download("tool", "v1.0", sha256 or hashlib.sha256(content).hexdigest(), url)


def archive(name: str) -> bytes:
    """Return a compressed archive that has the program under a name."""
    packed = io.BytesIO()
    with tarfile.open(fileobj=packed, mode="w:gz") as writing:
        member = tarfile.TarInfo(name)
        member.size = len(PROGRAM)
        writing.addfile(member, io.BytesIO(PROGRAM))
    return packed.getvalue()


@pytest.mark.parametrize("content", [PROGRAM, archive("tool")], ids=["program", "archive"])
def test_what_has_its_checksum_is_installed_and_can_be_run(tmp_path: Path, content: bytes) -> None:
    install(offer(tmp_path, content), tmp_path / "bin")

    assert (tmp_path / "bin" / "tool").read_bytes() == PROGRAM
    assert (tmp_path / "bin" / "tool").stat().st_mode & 0o111


def test_what_has_another_checksum_changes_nothing(tmp_path: Path) -> None:
    install(offer(tmp_path, PROGRAM), tmp_path / "bin")

    with pytest.raises(ToolError, match=f"not {'0' * 64}"):
        install(offer(tmp_path, b"tampered", sha256="0" * 64), tmp_path / "bin")
    assert (tmp_path / "bin" / "tool").read_bytes() == PROGRAM


def test_what_is_there_is_not_fetched_again_until_another_version_is_wanted(tmp_path: Path) -> None:
    wanted = offer(tmp_path, PROGRAM)
    install(wanted, tmp_path / "bin")
    (tmp_path / "tool-1.0").unlink()
    install(wanted, tmp_path / "bin")

    install(offer(tmp_path, PROGRAM + b"# newer\n"), tmp_path / "bin")
    assert (tmp_path / "bin" / "tool").read_bytes().endswith(b"# newer\n")


def test_an_archive_without_the_program_says_so(tmp_path: Path) -> None:
    with pytest.raises(ToolError, match="has no file of that name"):
        install(offer(tmp_path, archive("other")), tmp_path / "bin")


def test_what_cannot_be_had_says_where_it_was_looked_for(tmp_path: Path) -> None:
    gone = offer(tmp_path, PROGRAM)
    (tmp_path / "tool-1.0").unlink()

    with pytest.raises(ToolError, match=r"tool-1\.0: "):
        install(gone, tmp_path / "bin")


def test_an_unknown_name_says_which_there_are() -> None:
    with pytest.raises(ToolError, match="unknown: k3s; known: k3d, kubescape, trivy"):
        choose(["k3s"], known())


def test_the_trivy_that_is_downloaded_is_the_one_that_make_scan_wants() -> None:
    assert known()["trivy"].version == trivy.VERSION
