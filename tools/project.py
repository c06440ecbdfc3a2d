"""The identity of this repository, from its files: its owner, and the host of each environment."""

import os
import re
from pathlib import Path

import yaml

from tools.command import ROOT, ToolError

NAME = "slipway"  # of the image, whoever publishes it
UPSTREAM = "slipway"  # the owner until `make init` has been run
IMAGE = re.compile(rf"ghcr\.io/([a-z0-9-]+)/{NAME}(?![\w/.-])")
RESERVED = re.compile(r"\.(example|example\.(com|net|org)|invalid)\Z")  # RFC 2606: nobody's


def owner(root: Path = ROOT) -> str:
    """Return the owner of the image that the base names. Raises ToolError if it names none."""
    file = root / "k8s" / "base" / "deployment.yaml"
    found: set[str] = set(IMAGE.findall(file.read_text(encoding="utf-8")))
    if len(found) != 1:
        raise ToolError(f"{file.relative_to(root)} should name one image ghcr.io/OWNER/{NAME}")
    return found.pop()


def repository(root: Path = ROOT) -> str:
    """Return OWNER/NAME on GitHub: of the workflow that runs this, else of the image's owner."""
    return os.environ.get("GITHUB_REPOSITORY") or f"{owner(root)}/{NAME}"


def hosts(root: Path = ROOT) -> dict[str, str]:
    """Return the host name of each environment, from the patches of its Ingress."""
    found: dict[str, str] = {}
    for file in sorted((root / "k8s" / "overlays").glob("*/host.yaml")):
        edits = yaml.safe_load(file.read_text(encoding="utf-8"))
        values = {edit["path"]: edit["value"] for edit in edits}
        found[file.parent.name] = str(values["/spec/rules/0/host"])
    return found
