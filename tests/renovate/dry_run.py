"""Renovate's own program, on a folder, with what it then reports."""

import json
import os
import subprocess
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from tools.command import ROOT

NODE = ROOT / ".tools" / "node" / "bin"
PROGRAMS = ROOT / ".tools" / "renovate" / "node_modules" / ".bin"
TOKEN = "none"
Dependency = dict[str, Any]


@dataclass(frozen=True)
class Report:
    """What a run has found."""

    status: int
    problems: list[str]
    files: dict[str, list[dict[str, Any]]]

    def packages(self, manager: str) -> dict[str, list[str]]:
        """Return the files that a manager read, each with the lock files that it knows of."""
        return {
            each["packageFile"]: each.get("lockFiles") or [] for each in self.files.get(manager, ())
        }

    def dependencies(self, manager: str, file: str = "") -> dict[str, Dependency]:
        """Return what a manager would raise, in all files or in one."""
        return {
            each["depName"]: each
            for read in self.files.get(manager, ())
            for each in read["deps"]
            if file in {"", read["packageFile"]} and each.get("enabled") is not False
        }


def run(
    folder: Path, program: str, *argv: str, **settings: str
) -> subprocess.CompletedProcess[str]:
    """Run one of its programs in a folder, with a home of its own and no way out."""
    home = folder.parent / "home"
    home.mkdir(exist_ok=True)
    environment = {
        "PATH": f"{NODE}:{os.environ['PATH']}",
        "HOME": str(home),
        "RENOVATE_BASE_DIR": str(home),
        "HTTPS_PROXY": "http://127.0.0.1:9",
        **settings,
    }
    return subprocess.run(
        [PROGRAMS / program, *argv],
        cwd=folder,
        env=environment,
        capture_output=True,
        text=True,
        check=False,
    )


def validate(folder: Path) -> subprocess.CompletedProcess[str]:
    """Validate the configuration of a folder, as that of a repository."""
    return run(folder, "renovate-config-validator", "--strict", "--no-global", "renovate.json5")


def dry_run(folder: Path, until: str, github: str = "") -> Report:
    """Run it until `extract` or `lookup`; what GitHub is asked for, the one at an address answers.

    Faults that are found elsewhere, in a database that it would fetch, are left out.
    """
    written = folder.parent / "report.json"
    settings = {
        "packageRules": [{"matchManagers": ["custom.regex"], "registryUrls": [github]}],
        "hostRules": [{"matchHost": github, "token": TOKEN}],
    }
    done = run(
        folder,
        "renovate",
        "--platform=local",
        f"--dry-run={until}",
        LOG_LEVEL="fatal",
        RENOVATE_REPORT_TYPE="file",
        RENOVATE_REPORT_PATH=str(written),
        RENOVATE_GITHUB_COM_TOKEN=TOKEN,
        RENOVATE_CONFIG=json.dumps(settings if github else {}),
        RENOVATE_FORCE=json.dumps({"osvVulnerabilityAlerts": False}),
    )
    (told,) = json.loads(written.read_text(encoding="utf-8"))["repositories"].values()
    return Report(done.returncode, [each["msg"] for each in told["problems"]], told["packageFiles"])
