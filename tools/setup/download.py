"""Install programs that no package registry has, each verified by its checksum."""

import argparse
import hashlib
import io
import platform
import tarfile
import tomllib
import urllib.request
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from tools.command import ROOT, ToolError, exit_with, say

DOWNLOADS = ROOT / "tools" / "downloads.toml"
PROGRAMS = ROOT / ".tools" / "bin"
TIMEOUT_S = 60
TRIES = 3  # release servers fail now and then; the checksum is verified in any case


@dataclass(frozen=True)
class Download:
    """A program: the address of its release, and the SHA-256 of the download."""

    name: str
    tag: str
    sha256: str
    url: str

    @property
    def version(self) -> str:
        """The version that the tag is of."""
        return self.tag.removeprefix("v")

    @property
    def address(self) -> str:
        """The URL with tag and version in it."""
        return self.url.format(tag=self.tag, version=self.version)


def known(path: Path = DOWNLOADS) -> dict[str, Download]:
    """Return the downloads by name."""
    content = tomllib.loads(path.read_text(encoding="utf-8"))
    return {name: Download(name, **entry) for name, entry in content.items()}


def fetch(address: str) -> bytes:
    """Download an address. Raises ToolError after TRIES failures."""
    for tries_left in reversed(range(TRIES)):
        try:
            with urllib.request.urlopen(address, timeout=TIMEOUT_S) as response:
                return bytes(response.read())
        except OSError as error:
            if not tries_left:
                raise ToolError(f"{address}: {error}") from None
    raise AssertionError("the last try returns or raises")


def unpack(name: str, content: bytes) -> bytes:
    """Return the program in an archive, or the content itself if it is not one."""
    try:
        with tarfile.open(fileobj=io.BytesIO(content), mode="r:gz") as archive:
            member = archive.extractfile(name)
            return member.read() if member else b""
    except tarfile.ReadError:
        return content
    except KeyError:
        raise ToolError(f"the archive of {name} has no file of that name") from None


def install(wanted: Download, folder: Path = PROGRAMS) -> None:
    """Put a program into a folder, unless its version is there already.

    Raises ToolError, and does not change the folder, if the download has another checksum.
    """
    program, stamp = folder / wanted.name, folder / f".{wanted.name}.sha256"
    if program.exists() and stamp.exists() and stamp.read_text() == wanted.sha256:
        return
    content = fetch(wanted.address)
    found = hashlib.sha256(content).hexdigest()
    if found != wanted.sha256:
        raise ToolError(f"{wanted.address} has the SHA-256 {found}, not {wanted.sha256}")
    folder.mkdir(parents=True, exist_ok=True)
    fresh = folder / f".{wanted.name}.new"
    fresh.write_bytes(unpack(wanted.name, content))
    fresh.chmod(0o755)
    fresh.replace(program)
    stamp.write_text(wanted.sha256)
    say(f"{wanted.name} {wanted.version}: {program}")


def choose(names: Sequence[str], offered: dict[str, Download]) -> list[Download]:
    """Return the downloads of those names, or all. Raises ToolError for an unknown one."""
    if unknown := sorted(set(names) - offered.keys()):
        raise ToolError(f"unknown: {', '.join(unknown)}; known: {', '.join(offered)}")
    return [offered[name] for name in names or offered]


def main() -> None:
    """Run the tool."""
    parser = argparse.ArgumentParser(prog="python -m tools.setup.download", description=__doc__)
    parser.add_argument("names", metavar="NAME", nargs="*", help="default: all of them")
    chosen = choose(parser.parse_args().names, known())
    machine = (platform.system(), platform.machine())
    if machine != ("Linux", "x86_64"):
        pages = ", ".join(program.url.partition("/download/")[0] for program in chosen)
        raise ToolError(f"these are programs for Linux on amd64, not {' '.join(machine)}: {pages}")
    for program in chosen:
        install(program)


if __name__ == "__main__":
    exit_with(main)
