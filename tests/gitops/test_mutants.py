"""The overlays of this repository, broken by one letter at a time: `check` finds it."""

from __future__ import annotations

import os
import shutil
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

from gitops.checks.context import Context
from gitops.checks.run import run
from gitops.config import Config
from gitops.errors import GitopsError
from gitops.jobs import Job
from gitops.render import Renderer
from gitops.repository import Repository
from tests.gitops.mutants import Mutant, mutants
from tools.command import ROOT
from tools.setup import crds, schemas

# All of them take a minute: `make mutants`. Otherwise one in so many.
ALL = os.environ.get("MUTANTS") == "all"
ONE_IN = 1 if ALL else 12
NAME = "a name that nothing else refers to: it may be any"
SETTING = "only the API knows its settings' names: tests/k8s/test_overlays.py holds them"
LABEL = "a label that nothing selects by"
EXTRA = "one label more: `labels` in the base writes the right one beside it"
OPTIONAL = "an optional Secret may be missing; without it no admin token is preset"
# What passes although a letter is wrong, and why it does no harm.
LABELS = "spec/template/metadata/labels/"
SURVIVORS = {
    "base/configmap.yaml data/SLIPWAY_DATABASE_PORT": SETTING,
    "base/configmap.yaml data/SLIPWAY_LOG_LEVEL": SETTING,
    "base/configmap.yaml data/SLIPWAY_RATE_LIMIT": SETTING,
    "base/configmap.yaml data/SLIPWAY_AUTH_FAILURE_LIMIT": SETTING,
    "base/configmap.yaml data/SLIPWAY_TRUSTED_PROXIES": SETTING,
    "base/configmap.yaml data/SLIPWAY_THREADS": SETTING,
    f"base/deployment.yaml {LABELS}app.kubernetes.io~1name": EXTRA,
    f"base/deployment.yaml {LABELS}app.kubernetes.io~1component": EXTRA,
    "base/deployment.yaml spec/template/spec/volumes/1/secret/secretName": OPTIONAL,
    "components/network-policy/networkpolicy.yaml metadata/name": NAME,
    "components/postgres/service.yaml spec/ports/0/name": NAME,
    f"components/postgres/statefulset.yaml {LABELS}app.kubernetes.io~1part-of": LABEL,
}
STAGES = (("patch", "dangling", "pin", "parity"), ("inert",), ("schema",))


def sources(root: Path) -> list[Path]:
    """Return the files of the environments; those that point a controller at them are not."""
    tops = [
        each for each in Repository.open(root).overlays if each.folder.parent.name == "overlays"
    ]
    folders = {each.folder for top in tops for each in top.tree}
    files = {path for folder in folders for path in folder.glob("*.yaml")}
    return sorted(path.relative_to(root) for path in files)


@pytest.fixture
def repository(tmp_path: Path) -> Path:
    root = tmp_path / "k8s"
    shutil.copytree(ROOT / "k8s", root)
    return root


def rendered(root: Path, renderer: Renderer) -> list[str]:
    overlays = Repository.open(root).overlays
    return [each.digest for each in renderer.render(Job(o.folder, digest=True) for o in overlays)]


def is_caught(root: Path, renderer: Renderer) -> bool:
    """Tell whether a repository has findings; the cheap rules are asked first."""
    try:
        repository = Repository.open(root)
        config = Config.read(root)
        locations = (schemas.LOCATION, crds.LOCATION)
        context = Context(repository, config, renderer, None, locations, ("1.37.0",))
        return any(run(context, stage) for stage in STAGES)
    except GitopsError:
        return True


def broken(root: Path, mutant: Mutant) -> Iterator[None]:
    file = root / mutant.file
    text = file.read_text(encoding="utf-8")
    file.write_text(mutant.text, encoding="utf-8")
    yield
    file.write_text(text, encoding="utf-8")


def test_one_wrong_letter_is_found(repository: Path, renderer: Renderer) -> None:
    schemas.ensure()
    every = list(mutants(repository, sources(repository)))
    assert len(every) >= 250
    before = rendered(repository, renderer)
    assert not is_caught(repository, renderer)
    passed, same = [], 0
    tried = every[::ONE_IN]
    for mutant in tried:
        for _ in broken(repository, mutant):
            if not is_caught(repository, renderer):
                if rendered(repository, renderer) == before:
                    same += 1  # whatever was broken, the cluster gets what it got
                else:
                    passed.append(mutant)
    survivors = {f"{each.file} {each.what.partition(':')[0]}" for each in passed}
    caught = len(tried) - same - len(passed)
    said = f"{len(tried)} mutants: {caught} found, {same} render to the same, {len(passed)} passed"
    sys.stdout.write(f"\n{said}: {'; '.join(map(str, passed))}\n")
    assert survivors <= SURVIVORS.keys()
    if ALL:
        assert survivors == SURVIVORS.keys()
        assert caught / (len(tried) - same) >= 0.95
