"""`.ci/run` passes if every command does, and fails at the first that does not."""

import re
import shutil
import subprocess
from pathlib import Path

import pytest

RUN = Path(__file__).with_name("run")
# Each is a stage's own command, and what the stage is called.
STAGES = {
    "test": "set-up and tests",
    "lint": "lint",
    "renovate": "renovate",
    "validate": "manifests",
    "package": "package",
    "scan": "scan",
    "lock": "locked requirements",
    "browser-test": "pages in a browser",
    "e2e": "end to end",
    "controllers": "controllers",
    "save": "image and diagnosis",
}


def program(path: Path, script: str) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(f"#!/bin/sh\n{script}\n", encoding="utf-8")
    path.chmod(0o755)


@pytest.fixture
def clone(tmp_path: Path) -> Path:
    """Make a clone beside its testbed, with programs that say nothing; make fails at will."""
    program(
        tmp_path / "shared" / "testbed" / "testbed",
        'case $1 in status) echo "kubelet  running" ;; git) echo http://127.0.0.1/a.git ;; esac',
    )
    program(
        tmp_path / "bin" / "make",
        '[ "$1" != "$FAILING" ] || { echo "E   assert 1 == 2"; seq 200; echo "it broke"; exit 2; }',
    )
    for name in ("git", "kubectl", "chromium"):
        program(tmp_path / "bin" / name, "exit 0")
    (tmp_path / "argocd-v1.built").touch()
    folder = tmp_path / "clone" / ".ci"
    folder.mkdir(parents=True)
    shutil.copy(RUN, folder)
    return tmp_path / "clone"


def without(clone: Path, name: str) -> str:
    """Return a PATH with every program of this machine but one."""
    folder = clone.parent / "without"
    folder.mkdir()
    for place in ("/usr/bin", "/bin"):
        for found in Path(place).iterdir():
            if found.name != name and not (folder / found.name).exists():
                (folder / found.name).symlink_to(found)
    return f"{clone.parent / 'bin'}:{folder}"


def run(clone: Path, failing: str = "", path: str = "") -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [clone / ".ci" / "run"],
        capture_output=True,
        text=True,
        check=False,
        env={
            "PATH": path or f"{clone.parent / 'bin'}:/usr/bin:/bin",
            "FAILING": failing,
            "TESTBED_HOME": str(clone.parent),
        },
    )


def test_it_passes_when_every_command_does_and_none_has_something_to_tell(clone: Path) -> None:
    result = run(clone)

    assert result.returncode == 0, result.stdout + result.stderr
    assert [line[:22].rstrip() for line in result.stdout.splitlines()] == [
        *list(STAGES.values())[:8],
        "testbed up",
        *list(STAGES.values())[8:],
    ]


@pytest.mark.parametrize("target", STAGES)
def test_it_stops_at_the_first_command_that_fails(clone: Path, target: str) -> None:
    result = run(clone, failing=target)

    assert result.returncode == 1
    assert "it broke" in result.stdout
    assert "E   assert 1 == 2" in result.stdout, "said, however far above the end"
    stages = [line for line in result.stdout.splitlines() if re.search(" (ok|FAILED) ", line)]
    assert stages[-1].startswith(f"{STAGES[target]:22} FAILED")
    assert not [line for line in stages[:-1] if "FAILED" in line]


def test_pages_are_left_out_where_there_is_no_browser(clone: Path) -> None:
    program(clone.parent / "bin" / "apt-get", "exit 100")
    (clone.parent / "bin" / "chromium").unlink()
    result = run(clone, path=without(clone, "chromium"))

    assert result.returncode == 0
    assert "    browser: left out, because Chromium is not installed" in result.stdout
