"""Which programs the commands need, which are installed, and how to get the others."""

from __future__ import annotations

import platform
import re
from collections.abc import Iterator
from dataclasses import dataclass
from importlib import metadata

from gitops import programs
from gitops.output import faint, green, red


@dataclass(frozen=True)
class Need:
    """A program: what it is for, the arguments that print its version, and how to get it."""

    name: str
    purpose: str
    version: tuple[str, ...]
    get: str = ""  # empty: as programs.how_to_get says
    required: bool = True
    module: str = ""  # the Go module whose version counts, if the program prints none


@dataclass(frozen=True)
class Found:
    """A program or package, as it is installed on this machine; without a version it is not."""

    name: str
    purpose: str
    required: bool
    path: str | None
    version: str | None
    get: str

    @property
    def is_well(self) -> bool:
        """Whether it is installed or not required."""
        return self.version is not None or not self.required

    def __str__(self) -> str:
        if self.version:
            return self._line(green("ok     "), f"{self.version}  {faint(self.path or '')}")
        return self._line(red("missing") if self.required else "missing", f"get it: {self.get}")

    def _line(self, state: str, text: str) -> str:
        return f"{state}  {self.name:<12} {self.purpose:<34} {text}"


NEEDS = (
    Need(
        *("renderer", "renders many times in one process", ()),
        module="sigs.k8s.io/kustomize/api",
    ),
    Need("kustomize", "renders, as a person would", ("version",), required=False),
    Need(
        *("kubeconform", "check: schema", ()),
        required=False,
        module="github.com/yannh/kubeconform",
    ),
    Need(
        *("git", "declare, diff, promote, rollback, status", ("--version",), "https://git-scm.com"),
        required=False,
    ),
    Need(
        *("cosign", "pin, promote: signatures", ()),
        required=False,
        module="github.com/sigstore/cosign/v3",
    ),
    Need(
        "kubectl",
        "applies an overlay; status",
        ("version", "--client"),
        "https://kubernetes.io/docs/tasks/tools/",
        required=False,
    ),
    Need("go", "builds the programs above", ("version",), "https://go.dev/dl/", required=False),
)
VERSION = re.compile(r"v?(\d+\.\d+(?:\.\d+)?\S*)")


def packages() -> Iterator[Found]:
    """Yield Python and the packages that the commands use."""
    yield Found("python", "runs this", True, None, platform.python_version(), "")
    for name, required in (("click", True), ("httpx", False), ("pyyaml", True)):
        try:
            version: str | None = metadata.version(name)
        except metadata.PackageNotFoundError:
            version = None
        purpose = "a package that this uses" if required else "asks the ledger"
        yield Found(name, purpose, required, None, version, f"pip install {name}")


def inspect() -> list[Found]:
    """Return the state of Python, the packages and the programs."""
    return [*packages(), *map(look, NEEDS)]


def look(need: Need) -> Found:
    """Return where a program is installed, and its version."""
    path = programs.locate(need.name)
    version = None
    if path:
        argv = [path, *need.version] if need.version else ["go", "version", "-m", path]
        done = programs.run(argv) if programs.locate(argv[0]) else None
        text = f"{done.stdout}\n{done.stderr}" if done else ""
        _, _, after = text.partition(f"\t{need.module}\t") if need.module else ("", "", text)
        match = VERSION.search(after)
        version = match[1] if match else "unknown version"
    get = need.get or programs.how_to_get(need.name)
    return Found(need.name, need.purpose, need.required, path, version, get)
