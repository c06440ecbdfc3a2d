"""`gitops doctor`: which programs are here, and how to get those that are not."""

from __future__ import annotations

import platform
import re
from collections.abc import Iterator
from dataclasses import asdict, dataclass
from importlib import metadata

import click

from gitops import programs
from gitops.output import Output, faint, green, red


@dataclass(frozen=True)
class Need:
    """A program: what it is for, how it says its version, and how to get it."""

    name: str
    purpose: str
    version: tuple[str, ...]
    get: str
    required: bool = True
    module: str = ""  # of Go: its version, where the program does not say its own


@dataclass(frozen=True)
class Found:
    """What is known of a program or package on this machine."""

    name: str
    purpose: str
    required: bool
    path: str | None
    version: str | None
    get: str

    @property
    def is_well(self) -> bool:
        """Whether it is here, or need not be."""
        return self.version is not None or not self.required


NEEDS = (
    Need(
        *("renderer", "renders many times in one process", (), "make .tools/renderer"),
        module="sigs.k8s.io/kustomize/api",
    ),
    Need("kustomize", "renders, as a person would", ("version",), "make .tools/kustomize"),
    Need(
        *("kubeconform", "check: schema", (), "make .tools/kubeconform"),
        required=False,
        module="github.com/yannh/kubeconform",
    ),
    Need(
        *("git", "declare, diff, promote, rollback, status", ("--version",), "https://git-scm.com"),
        required=False,
    ),
    Need(
        *("cosign", "pin, promote: signatures", (), "make .tools/cosign"),
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
    for name in ("click", "httpx", "pyyaml"):
        try:
            version: str | None = metadata.version(name)
        except metadata.PackageNotFoundError:
            version = None
        yield Found(name, "a package that this uses", True, None, version, f"pip install {name}")


def look(need: Need) -> Found:
    """Look for a program and ask it for its version."""
    path = programs.locate(need.name)
    version = None
    if path:
        argv = [path, *need.version] if need.version else ["go", "version", "-m", path]
        said = programs.run(argv) if programs.locate(argv[0]) else None
        text = f"{said.stdout}\n{said.stderr}" if said else ""
        _, _, after = text.partition(f"\t{need.module}\t") if need.module else ("", "", text)
        match = VERSION.search(after)
        version = match[1] if match else "of a version it does not say"
    return Found(need.name, need.purpose, need.required, path, version, need.get)


@click.command(short_help="Say which programs are here, and how to get those that are not.")
@click.option("--json", "as_json", is_flag=True, help="Print one JSON document.")
@click.pass_context
def doctor(command: click.Context, as_json: bool) -> None:
    """Say which programs the commands need, which versions are here, and how to get the others.

    Programs that `make` built in .tools/ are taken before those on the PATH. Exit status 1 if one
    is missing that nothing works without.
    """
    output = Output(as_json=as_json)
    found = [*packages(), *map(look, NEEDS)]
    for each in found:
        state = green("ok     ") if each.version else red("missing") if each.required else "missing"
        said = (
            f"{each.version}  {faint(each.path or '')}" if each.version else f"get it: {each.get}"
        )
        output.say(f"{state}  {each.name:<12} {each.purpose:<34} {said}")
    well = all(each.is_well for each in found)
    output.document({"ok": well, "programs": [asdict(each) for each in found]})
    command.exit(0 if well else 1)
