"""The action, whose steps are run by hand as a runner of GitHub does."""

from __future__ import annotations

import os
import re
import subprocess
import sys
from pathlib import Path
from typing import Any

import yaml

from tools.command import ROOT

ACTION: dict[str, Any] = yaml.safe_load((ROOT / "action.yaml").read_text(encoding="utf-8"))
INSTALL, CHECK, UPLOAD = ACTION["runs"]["steps"]
INPUTS = {name: str(each["default"]) for name, each in ACTION["inputs"].items()}


def step(
    which: dict[str, Any], place: Path, folder: Path, **inputs: str
) -> subprocess.CompletedProcess[str]:
    """Run a step of the action as a runner does, in a folder, with its inputs in place."""
    given = {**INPUTS, **inputs}
    values = {name: filled(value, given, place) for name, value in which.get("env", {}).items()}
    (place / "bin").mkdir(exist_ok=True)
    (place / "bin" / "python3").unlink(missing_ok=True)
    (place / "bin" / "python3").symlink_to(sys.executable)
    env = {
        **values,
        **{name: str(place / name) for name in ("GITHUB_OUTPUT", "GITHUB_STEP_SUMMARY")},
        "PATH": f"{place / 'bin'}:{os.environ['PATH']}",
        "HOME": str(place),
        "LANG": "C.UTF-8",
        "RUNNER_TEMP": str(place),
        "GITHUB_REPOSITORY": "acme/shop",
        "GITHUB_SHA": "1" * 40,
        "GITHUB_REF": "refs/heads/main",
        "PIP_NO_INDEX": "1",
        "PIP_FIND_LINKS": str(place),
    }
    argv = ["bash", "--noprofile", "--norc", "-eo", "pipefail", "-c", which["run"]]
    return subprocess.run(argv, cwd=folder, env=env, capture_output=True, text=True, check=False)


def filled(value: str, given: dict[str, str], place: Path) -> str:
    """Return a text with the expressions that the action uses."""
    known = {f"inputs.{name}": text for name, text in given.items()}
    known |= {"steps.check.outputs.sarif": str(place / "gitops.sarif"), "github.token": "secret"}
    return re.sub(r"\$\{\{ (.+?) \}\}", lambda found: known[found[1]], value)
