"""Targets that need no cluster, each run as the first one in a clone, with only what it makes.

What takes long to make, programs and the environment, is lent by this clone: a rule that make runs
gets the finished thing, and what no rule asks for is not there.
"""

import os
import shutil
import subprocess
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.clone import commit, copy, git
from tests.makefile.files import DOCUMENTED
from tools.command import ROOT

UV = """#!/bin/sh -e
[ "$1" = venv ] || exit 0
for folder; do :; done
mkdir -p "$folder"
ln -sfn "{root}/$folder/bin" "{root}/$folder/lib" "{root}/$folder/pyvenv.cfg" "$folder/"
"""
# In place of `go build`, whose package is told after it.
LEND = "printf '#!/bin/sh\\nexec {root}/$@ \"$$@\"\\n' >$@ && chmod +x $@ && :"


@pytest.fixture(scope="module")
def lent(tmp_path_factory: pytest.TempPathFactory) -> Path:
    root = copy(tmp_path_factory.mktemp("first") / "clone", built=False)
    git(root, "tag", "v0.1.0")
    return root


@pytest.fixture
def clone(lent: Path) -> Iterator[Path]:
    """Lend a clone as a new one is: what a target wrote or changed is gone before the next."""
    yield lent
    git(lent, "reset", "--quiet", "--hard", "v0.1.0")
    git(lent, "clean", "--quiet", "-ffdx")


def first(clone: Path, *words: str) -> subprocess.CompletedProcess[str]:
    """Run a target as the first one that anybody runs in a clone."""
    uv = clone.parent / "uv"
    uv.write_text(UV.format(root=ROOT), encoding="utf-8")
    uv.chmod(0o755)
    kept = ("PATH", "HOME", "LANG", "GOPATH", "GOMODCACHE", "GOCACHE", "GOFLAGS")
    return subprocess.run(
        ["make", f"UV={uv}", f"GO_BUILD={LEND.format(root=ROOT)}", *words],
        cwd=clone,
        env={name: os.environ[name] for name in kept if name in os.environ},
        capture_output=True,
        text=True,
        check=False,
    )


NO_DIGEST = "say DIGEST=sha256:…, or push the image first: make push"
RUN = (
    ("help", "serve the api"),
    ("help-all", "make a fork your own"),
    ("render ENV=prod", "kind: Deployment"),
    ("check", "0 findings"),
    ("diff BASE=HEAD", "nothing differs"),
    ("validate", "against Kubernetes"),
    ("chart", "wrote"),
    ("dashboard", "wrote docs/grafana.json"),
    ("format", ""),
    ("doctor", "renderer"),
    ("init OWNER=acme HOST=slipway.acme.org", "acme"),
    ("prepare-release VERSION=1.2.3", "1.2.3"),
    ("rollback ENV=dev ARGS=--help", "rollback"),
    ("status ARGS=--help", "status"),
    ("clean", ""),
)
LACKING = (
    ("release-notes", NO_DIGEST),
    ("verify", NO_DIGEST),
    ("sign", NO_DIGEST),
    ("pack", NO_DIGEST),
    ("publish-chart", "make pack"),
    ("publish-manifests", "make pack"),
    ("sign-packed", "make pack publish-chart publish-manifests"),
    ("verify-packed", "make pack publish-chart publish-manifests"),
    ("promote", "say FROM= and TO="),
    ("propose", "say FROM= and TO="),
    ("prepare-release", "say VERSION="),
    ("declare", "no ledger: use --ledger URL"),
    ("deliver TAG=v1.2.3", "expected one changed file, in a release/ folder"),
    ("pin ENV=dev TAG=1.2.3 DIGEST=latest", "latest"),
)
UNINSTALLED = (("cluster", "k3d"), ("kubescape", "kubescape"), ("scan-overlays", "trivy"))
# Held by their prerequisites alone (test_prerequisites.py), and why.
LONG = "it takes minutes; .ci/run runs it"
DOCKER = "it needs Docker; `make e2e` has its image pushed so"
CLUSTER = "it needs a cluster; `make e2e` and the stages beside it run it"
GITHUB = "it acts on GitHub; tests/tools has a gh of its own"
FETCHES = "it fetches what no test may"
NOT_RUN = {
    **dict.fromkeys(("test", "lint", "scan", "renovate", "browser-test"), LONG),
    **dict.fromkeys(
        ("bench", "flood", "fuzz", "histories", "mutants", "examples"), "it takes minutes"
    ),
    "screenshots": "it takes a browser",
    **dict.fromkeys(("image", "push", "save", "index", "sbom", "rehearse"), DOCKER),
    "package-image": DOCKER,
    **dict.fromkeys(("cluster-down", "controllers", "deploy", "diagnose", "e2e", "probe"), CLUSTER),
    **dict.fromkeys(("kubescape-cluster", "revert", "secrets"), CLUSTER),
    **dict.fromkeys(("comment", "release-page", "rules", "upload-sarif"), GITHUB),
    **dict.fromkeys(("downloads", "lock", "scan-image", "scan-released"), FETCHES),
    "package": "what it lends is no program of Go's; tests/tools/package builds a wheel",
    "publish-package": "it publishes on PyPI",
    "rule-pages": "tests/gitops compares what it writes with its source",
    "run": "it serves until it is stopped; tests/api starts the same server",
}


def test_every_documented_target_is_run_here_or_there_is_a_reason() -> None:
    run = {words.split()[0] for words, _ in (*RUN, *LACKING, *UNINSTALLED)} | {"release-check"}

    assert run | NOT_RUN.keys() == {*DOCUMENTED}
    assert run & NOT_RUN.keys() == set()


@pytest.mark.parametrize(("words", "said"), RUN)
def test_a_target_works_as_the_first_one(clone: Path, words: str, said: str) -> None:
    done = first(clone, *words.split())

    assert done.returncode == 0, done.stdout + done.stderr
    assert said.lower() in (done.stdout + done.stderr).lower()


def test_a_version_is_prepared_checked_and_told_of_in_a_new_clone_each(
    clone: Path, tmp_path: Path
) -> None:
    assert first(clone, "prepare-release", "VERSION=1.2.3").returncode == 0
    commit(clone)
    again = tmp_path / "again"
    git(tmp_path, "clone", "--quiet", str(clone), str(again))
    git(again, "tag", "v1.2.3")

    checked = first(again, "release-check", "TAG=v1.2.3", "MAIN=main")
    assert "v1.2.3 may be released" in checked.stdout, checked.stderr
    told = first(again, "release-notes", "DIGEST=sha256:" + 64 * "1")
    assert "cosign verify" in told.stdout, told.stderr


@pytest.mark.parametrize(("words", "why"), LACKING)
def test_a_target_that_lacks_something_says_what(clone: Path, words: str, why: str) -> None:
    done = first(clone, *words.split())

    assert done.returncode != 0
    assert why in done.stdout + done.stderr


@pytest.mark.parametrize(("target", "program"), UNINSTALLED)
def test_a_program_that_no_target_builds_is_named_with_how_to_get_it(
    clone: Path, tmp_path: Path, target: str, program: str
) -> None:
    folder = tmp_path / "bin"
    folder.mkdir()
    for each in ("sh", "bash", "awk", "sed", "git", "mkdir", "touch", "printf", "chmod", "ln"):
        (folder / each).symlink_to(str(shutil.which(each)))
    (folder / "go").symlink_to(str(shutil.which("true")))  # it is looked for; nothing is built here
    done = first(clone, f"PATH={folder}", target)

    assert done.returncode != 0
    assert f"{program} is not installed: make downloads NAMES={program}" in done.stderr
