"""What a component's README says to write, and an overlay in which that is written."""

import re
import shutil
import textwrap
from pathlib import Path
from typing import Any

import yaml

from tools import overlay
from tools.command import ROOT

Block = dict[str, Any]


def blocks(component: str) -> list[Block]:
    """Return the YAML of a README that belongs into a kustomization or into gitops.yaml."""
    text = (ROOT / overlay.COMPONENTS / component / "README.md").read_text(encoding="utf-8")
    indented = re.findall(r"(?:^    .*\n|^\n(?=    ))+", text, re.MULTILINE)
    return [read for each in indented if (read := as_yaml(textwrap.dedent(each)))]


def as_yaml(text: str) -> Block | None:
    """Return a block that is a mapping of lists, as those parts of a file are."""
    try:
        read = yaml.safe_load(text)
    except yaml.YAMLError:
        return None
    fine = isinstance(read, dict) and all(isinstance(each, list) for each in read.values())
    return read if fine else None


def enable(env: str, folder: Path, *written: Block) -> Path:
    """Copy k8s/ into a folder, write these blocks into an overlay there, and return its path."""
    shutil.copytree(ROOT / "k8s", folder / "k8s")
    path = folder / overlay.OVERLAYS / env
    extend(path / "kustomization.yaml", *written)
    return path


def extend(file: Path, *written: Block) -> None:
    """Add what these blocks list to the lists of a YAML file, components before `release`."""
    document = yaml.safe_load(file.read_text(encoding="utf-8"))
    for block in written:
        for key, entries in block.items():
            there = document.setdefault(key, [])
            at = there.index(overlay.RELEASE) if key == "components" else len(there)
            there[at:at] = entries
    file.write_text(yaml.safe_dump(document), encoding="utf-8")
