"""The ledger is told what git declares: all of it, since its commit, and nothing that is not so."""

from __future__ import annotations

import itertools
import json
import shutil
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest
from click.testing import CliRunner, Result

from gitops.cli import cli
from gitops.declarations import Declarations, web_address
from gitops.errors import GitopsError
from gitops.repository import Repository
from gitops.revision import Clone
from tests.clone import git
from tests.gitops.ledger import Served
from tests.gitops.test_promotion import ONE, THREE, TWO, release, write

HOME = "https://git.example.com/acme/gitops"
OVERLAY = "resources: [../../base]\ncomponents: [release]\n"
RELEASE = """\
kind: Component
images:
  - name: registry.example/shop
    newTag: "{tag}"
    digest: {digest}
"""
MINUTES = itertools.count()


def later() -> str:
    """Return another minute each time: git knows seconds, and tests are quick."""
    return (datetime(2026, 3, 1, tzinfo=UTC) + timedelta(minutes=next(MINUTES))).isoformat()


def commit(root: Path) -> None:
    git(root, "add", "--all")
    git(root, "commit", "--message", "A step.", GIT_COMMITTER_DATE=later())


def pin(root: Path, name: str, tag: str, digest: str) -> None:
    write(release(root, name), RELEASE.format(tag=tag, digest=digest))
    commit(root)


@pytest.fixture(scope="module")
def original(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A repository whose folder k8s declares 1.1.0 in prod, 1.2.0 in dev, nothing in staging."""
    folder = tmp_path_factory.mktemp("original") / "k8s"
    write(folder / "base/kustomization.yaml", "resources: []\n")
    for name, tag, digest in (
        ("dev", "1.1.0", ONE),
        ("prod", "1.1.0", ONE),
        ("staging", "0", f"sha256:{'0' * 64}"),
    ):
        write(folder / f"overlays/{name}/kustomization.yaml", OVERLAY)
        write(release(folder, name), RELEASE.format(tag=tag, digest=digest))
    write(folder / "argocd/kustomization.yaml", "resources: []\n")
    git(folder.parent, "init", "--initial-branch", "main")
    git(folder.parent, "remote", "add", "origin", "git@git.example.com:acme/gitops.git")
    commit(folder.parent)
    pin(folder, "dev", "1.2.0", TWO)
    return folder.parent


@pytest.fixture
def root(original: Path, tmp_path: Path) -> Path:
    """The folder k8s in a copy of the repository."""
    return Path(shutil.copytree(original, tmp_path / "repository")) / "k8s"


def declare(root: Path, ledger: Served, *argv: str) -> Result:
    return CliRunner().invoke(cli, ["declare", str(root), "--ledger", ledger.url, *argv])


def declared(root: Path, ledger: Served, *argv: str) -> tuple[int, dict[str, Any]]:
    result = declare(root, ledger, *argv, "--json")
    return result.exit_code, json.loads(result.output)


def held(ledger: Served) -> dict[str, str]:
    """Return the version that the ledger has of the shop in each environment."""
    cells = ledger.send("GET", "matrix")["cells"]
    return {cell["environment"]: cell["declared"]["version"] for cell in cells if cell["declared"]}


def test_the_ledger_is_told_since_which_commit_each_release_is_declared(
    root: Path, ledger: Served
) -> None:
    write(root / "README.md", "Nothing of this is a release.\n")
    commit(root)
    first = git(root, "rev-list", "--max-parents=0", "HEAD")
    at = git(root, "show", "--no-patch", "--format=%ct", first)

    code, said = declared(root, ledger)

    assert (code, said["told"], said["repository"], said["path"]) == (0, True, HOME, "k8s")
    assert held(ledger) == {"dev": "1.2.0", "prod": "1.1.0"}
    environments = ledger.send("GET", "environments")["items"]
    assert {each["name"] for each in environments} == {"dev", "prod"}, "the rest declares nothing"
    (prod,) = ledger.send("GET", "declarations/prod")["services"].values()
    assert (prod["config_revision"], prod["image_digest"]) == (first, ONE)
    assert datetime.fromisoformat(prod["declared_at"]).timestamp() == int(at)


def test_what_a_merge_brings_is_declared_since_the_merge(root: Path, ledger: Served) -> None:
    git(root, "checkout", "-b", "release")
    pin(root, "prod", "1.2.0", TWO)
    git(root, "checkout", "main")
    merged_at = later()
    git(root, "merge", "--no-ff", "--no-edit", "release", GIT_COMMITTER_DATE=merged_at)

    declare(root, ledger)

    (prod,) = ledger.send("GET", "declarations/prod")["services"].values()
    assert prod["config_revision"] == git(root, "rev-parse", "HEAD")
    assert datetime.fromisoformat(prod["declared_at"]) == datetime.fromisoformat(merged_at)


def test_what_changes_is_said_and_the_same_again_changes_nothing(
    root: Path, ledger: Served
) -> None:
    told = declare(root, ledger).output.splitlines()
    assert told[1:] == [
        "dev: shop: nothing → 1.2.0@sha256:222222222222",
        "prod: shop: nothing → 1.1.0@sha256:111111111111",
        "staging: shop: a digest of zeros: nothing is declared",
    ]
    before = ledger.send("GET", "declarations")

    assert declare(root, ledger).output.endswith("\nthe ledger is up to date\n")
    assert ledger.send("GET", "declarations") == before

    pin(root, "prod", "1.2.0", TWO)
    code, said = declared(root, ledger)
    old, new = {"tag": "1.1.0", "digest": ONE}, {"tag": "1.2.0", "digest": TWO}
    change = {"environment": "prod", "service": "shop", "from": old, "to": new}
    assert (code, said["changes"]) == (0, [change])


def test_a_dry_run_tells_nothing(root: Path, ledger: Served) -> None:
    code, said = declared(root, ledger, "--dry-run")

    assert (code, said["told"], len(said["changes"])) == (0, False, 2)
    assert held(ledger) == {}


def test_an_overlay_that_is_no_more_is_withdrawn_and_what_others_declare_stays(
    root: Path, ledger: Served
) -> None:
    others = {"repository": f"{HOME}-too", "config_revision": "1"}
    ledger.send("PUT", "declarations/prod", **others, services={"web": {"version": "3"}})
    declare(root, ledger)
    git(root, "rm", "-r", "--quiet", "overlays/prod")
    commit(root)

    said = declare(root, ledger).output

    assert "prod: shop: 1.1.0@sha256:111111111111 → nothing\n" in said
    assert ledger.send("GET", "declarations/prod")["services"].keys() == {"web"}


@pytest.mark.parametrize(
    ("images", "services", "note"),
    [
        # By application: what it pins. A proxy beside an image of its own is a part of each.
        (
            {"mail": {"mail": ONE, "proxy": ONE}, "shop": {"shop": TWO, "proxy": TWO}},
            {"mail", "shop"},
            "proxy: a part of apps/mail/overlays/dev, apps/shop/overlays/dev",
        ),
        ({"web": {"shop": ONE}, "worker": {"shop": ONE}}, {"shop"}, ""),
        (
            {"web": {"shop": ONE}, "worker": {"shop": TWO}},
            set(),
            "shop: several releases, of apps/web/overlays/dev, apps/worker/overlays/dev",
        ),
    ],
)
def test_an_image_of_several_applications_is_one_service_or_a_part_of_each(
    tmp_path: Path, images: dict[str, dict[str, str]], services: set[str], note: str
) -> None:
    for application, pinned in images.items():
        text = "".join(
            f"  - {{name: registry.example/{image}, newTag: '1', digest: {digest}}}\n"
            for image, digest in pinned.items()
        )
        write(tmp_path / f"apps/{application}/base/kustomization.yaml", "resources: []\n")
        for environment in ("dev", "prod"):
            file = tmp_path / f"apps/{application}/overlays/{environment}/kustomization.yaml"
            write(file, f"resources: [../../base]\nimages:\n{text}")
    git(tmp_path, "init", "--initial-branch", "main")
    commit(tmp_path)
    found = Declarations.of(Repository.open(tmp_path), Clone.of(tmp_path), HOME)
    declared = {environment: set(each) for environment, each in found.environments.items()}
    assert declared == ({"dev": services, "prod": services} if services else {})
    assert found.notes == ([f"dev: {note}", f"prod: {note.replace('dev', 'prod')}"] if note else [])


def test_a_file_that_is_not_committed_is_refused_unless_told_so(root: Path, ledger: Served) -> None:
    write(release(root, "prod"), RELEASE.format(tag="1.3.0", digest=THREE))

    code, said = declared(root, ledger)
    assert (code, said["told"]) == (1, False)
    assert "overlays/prod/release/kustomization.yaml has uncommitted changes" in said["refused"][0]
    assert held(ledger) == {}

    assert declared(root, ledger, "--allow-dirty")[0] == 0
    assert held(ledger)["prod"] == "1.3.0"
    (prod,) = ledger.send("GET", "declarations/prod")["services"].values()
    assert prod["config_revision"].endswith("-dirty")


def test_a_commit_that_the_ledger_knows_a_later_one_of_is_told_so(
    root: Path, ledger: Served
) -> None:
    pin(root, "prod", "1.2.0", TWO)
    declare(root, ledger)
    git(root, "reset", "--quiet", "--hard", "HEAD^")

    result = declare(root, ledger)

    assert result.exit_code == 1
    assert "prod: shop: the ledger has the declaration of a later commit, 1.2.0" in result.output
    assert held(ledger)["prod"] == "1.2.0"


def test_a_shallow_clone_is_refused_with_what_to_fetch(
    root: Path, ledger: Served, tmp_path: Path
) -> None:
    git(tmp_path, "clone", "--quiet", "--depth=1", f"file://{root.parent}", str(tmp_path / "clone"))

    result = declare(tmp_path / "clone", ledger, "--repository", HOME)

    assert (result.exit_code, "git fetch --unshallow" in result.output) == (2, True)


def test_without_a_ledger_or_an_address_it_says_what_to_do(root: Path, ledger: Served) -> None:
    result = CliRunner().invoke(cli, ["declare", str(root)])
    assert (result.exit_code, "--ledger URL" in result.output) == (2, True)

    git(root, "remote", "remove", "origin")
    result = declare(root, ledger)
    assert (result.exit_code, "--repository URL" in result.output) == (2, True)
    assert declare(root, ledger, "--repository", HOME).exit_code == 0


def test_a_ledger_that_refuses_is_an_error(
    root: Path, ledger: Served, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("LEDGER_TOKEN", "a-token-of-nobody")

    result = declare(root, ledger)

    assert (result.exit_code, "LEDGER_TOKEN" in result.output) == (2, True)


@pytest.mark.parametrize(
    "remote",
    [
        "git@git.example.com:acme/gitops.git",
        "git.example.com:acme/gitops",
        "ssh://git@git.example.com:2222/acme/gitops.git",
        "https://git.example.com/acme/gitops.git/",
        "https://ci:secret-token@git.example.com/acme/gitops.git",
    ],
)
def test_the_address_of_a_remote_has_no_credentials(remote: str) -> None:
    assert web_address(remote) == HOME


@pytest.mark.parametrize("remote", ["", "/srv/git/gitops", "../gitops", "file:///srv/gitops"])
def test_a_remote_that_is_not_on_the_web_is_told_so(remote: str) -> None:
    with pytest.raises(GitopsError, match="--repository URL"):
        web_address(remote)
