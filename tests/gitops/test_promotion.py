"""Promotions and rollbacks: what is refused and why, and that nothing else changes."""

from __future__ import annotations

import errno
import json
import os
import re
import shutil
import subprocess
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest
from click.testing import CliRunner, Result

from gitops import programs
from gitops.cli import cli
from gitops.environments import Environments
from gitops.errors import GitopsError
from gitops.pins import pins, read
from gitops.promotion.history import since
from gitops.promotion.judgement import Judgement, brief, pattern
from gitops.promotion.proposal import Proposal
from gitops.releases import Release
from gitops.repository import Repository
from gitops.revision import Clone
from gitops.selection import choose, choose_beside
from tests.clone import commit, git
from tests.gitops.ledger import TOKEN, Served, served

ONE, TWO, THREE = (f"sha256:{digit * 64}" for digit in "123")
HOURS_AGO = (datetime.now(UTC) - timedelta(hours=5)).isoformat()
RELEASE = """\
# What a promotion changes.
apiVersion: kustomize.config.k8s.io/v1alpha1
kind: Component

images:
  - name: registry.example/shop # where CI pushes
    newTag: "{tag}" # for people
    digest: {digest}
  - name: registry.example/sidecar
    newTag: "7"
"""
TAG_ALONE = "".join(RELEASE.splitlines(keepends=True)[:7])


@pytest.fixture(scope="module")
def original(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A repository where dev is at 1.2.0, staging and prod at 1.1.0."""
    folder = tmp_path_factory.mktemp("original")
    write(folder / "base/kustomization.yaml", "resources: []\n")
    for name in ("dev", "staging", "prod"):
        text = "resources: [../../base]\ncomponents: [release]\n"
        write(folder / f"overlays/{name}/kustomization.yaml", text)
        write(release(folder, name), RELEASE.format(tag="1.1.0", digest=ONE))
    git(folder, "init", "--initial-branch", "main")
    commit(folder)
    pin(folder, "dev", "1.2.0", TWO)
    return folder


@pytest.fixture
def root(original: Path, tmp_path: Path) -> Path:
    """A copy of the repository: to make one takes seven runs of git."""
    return Path(shutil.copytree(original, tmp_path / "repository"))


@pytest.fixture
def ledger(ledger: Served) -> Served:
    """A ledger that saw what the repository declares, hours ago."""
    for number, name in enumerate(("dev", "staging", "prod")):
        ledger.send("PUT", f"environments/{name}", tier="production", promotion_order=number)
        ledger.deployed(name, "1.1.0", image_digest=ONE, finished_at=HOURS_AGO)
    ledger.deployed("dev", "1.2.0", image_digest=TWO, finished_at=HOURS_AGO)
    return ledger


def write(file: Path, text: str) -> None:
    file.parent.mkdir(parents=True, exist_ok=True)
    file.write_text(text, encoding="utf-8")


def release(root: Path, name: str) -> Path:
    return root / f"overlays/{name}/release/kustomization.yaml"


def pin(root: Path, name: str, tag: str, digest: str) -> None:
    release(root, name).write_text(RELEASE.format(tag=tag, digest=digest))
    commit(root)


def run(root: Path, *argv: str) -> Result:
    command, *options = argv
    image = ("--image", "registry.example/shop")
    return CliRunner().invoke(cli, [command, str(root), *image, *options])


def promote(root: Path, ledger: Served | None, *argv: str) -> Result:
    asked = ("--ledger", ledger.url) if ledger else ("--without-ledger",)
    return run(root, "promote", "--from", "dev", "--to", "staging", *asked, *argv)


def rollback(root: Path, ledger: Served | None, *argv: str) -> Result:
    asked = ("--ledger", ledger.url) if ledger else ()
    return run(root, "rollback", "--env", "dev", *asked, *argv)


def texts(root: Path) -> dict[Path, str]:
    return {file: file.read_text() for file in root.glob("**/*.yaml")}


def refused(root: Path, result: Result) -> str:
    """Return why it was refused, after checking that nothing changed."""
    assert result.exit_code == 1, result.output
    status = subprocess.run(
        ["git", "status", "--porcelain"], cwd=root, capture_output=True, check=True
    )
    assert status.stdout == b""
    return result.output


def test_a_healthy_release_is_copied_and_nothing_else_changes(root: Path, ledger: Served) -> None:
    before = texts(root)

    result = promote(root, ledger)

    assert result.exit_code == 0, result.output
    file = release(root, "staging")
    assert texts(root) == {**before, file: RELEASE.format(tag="1.2.0", digest=TWO)}
    assert f'+    newTag: "1.2.0" # for people\n+    digest: {TWO}\n' in result.output
    assert "Promote shop 1.2.0 to staging" in result.output
    assert "it has run in dev for 5 h" in result.output


def test_a_dry_run_shows_the_same_and_changes_nothing(root: Path, ledger: Served) -> None:
    before = texts(root)
    shown = promote(root, ledger, "--dry-run").output

    assert texts(root) == before
    done = promote(root, ledger).output
    assert shown.splitlines()[:-1] == done.splitlines()[:-1]


def test_what_is_the_same_already_is_left_alone(root: Path, ledger: Served) -> None:
    pin(root, "staging", "1.2.0", TWO)

    result = promote(root, ledger)

    assert (result.exit_code, "already" in result.output) == (0, True)


def test_the_changes_that_it_brings_are_in_its_text(root: Path, ledger: Served) -> None:
    change = {"commit": "c" * 40, "committed_at": HOURS_AGO, "author": "ada", "title": "Sell hats"}
    ledger.send("POST", "changes", changes=[{"service": "shop", "version": "1.2.0", **change}])

    document = json.loads(promote(root, ledger, "--json").output)

    assert "Changes (1):\n\n- `cccccccccccc` Sell hats, ada" in document["body"]
    assert document["changed"] is True
    assert document["to"] == {"tag": "1.2.0", "digest": TWO}


@pytest.mark.parametrize("digest", ["", "sha256:" + "0" * 64])
def test_a_release_without_a_digest_is_refused(root: Path, ledger: Served, digest: str) -> None:
    text = RELEASE.format(tag="1.2.0", digest=digest) if digest else TAG_ALONE.format(tag="1.2.0")
    release(root, "dev").write_text(text)
    commit(root)

    assert "a digest is needed" in refused(root, promote(root, ledger))


def test_what_is_not_deployed_yet_is_refused(root: Path, ledger: Served) -> None:
    pin(root, "dev", "1.3.0", THREE)

    assert "dev runs 1.2.0" in refused(root, promote(root, ledger))


def test_what_the_ledger_never_saw_is_refused(root: Path, ledger: Served) -> None:
    assert "has no deployment of cart" in refused(root, promote(root, ledger, "--service", "cart"))


def test_what_has_not_run_for_long_enough_is_refused(root: Path, ledger: Served) -> None:
    reason = refused(root, promote(root, ledger, "--soak", "1d"))

    assert "it has run in dev for 5 h" in reason
    assert "needs 1 d" in reason


@pytest.mark.parametrize(
    ("span", "text"),
    [
        ({}, "0 s"),
        ({"seconds": 59.9}, "59 s"),
        ({"seconds": 61}, "1 min"),
        ({"hours": 6}, "6 h"),
        ({"days": 1, "minutes": 5}, "1 d 5 min"),
        ({"days": 2, "hours": 3, "minutes": 5}, "2 d 3 h"),
    ],
)
def test_a_time_is_told_in_two_units_at_most(span: dict[str, float], text: str) -> None:
    assert brief(timedelta(**span)) == text


def test_the_soak_time_of_the_repository_holds(root: Path, ledger: Served) -> None:
    write(root / "gitops.yaml", "promotion:\n  soak: 6h\n")
    commit(root)

    assert "needs 6 h" in refused(root, promote(root, ledger))


def test_an_open_incident_is_a_reason_to_refuse_until_it_is_accepted(
    root: Path, ledger: Served
) -> None:
    ledger.send(
        "POST",
        "incidents",
        service="shop",
        environment="dev",
        title="No hats",
        detected_at=HOURS_AGO,
    )

    assert "dev: No hats (incident_open)" in refused(root, promote(root, ledger))
    result = promote(root, ledger, "--accept", "incident_open")
    assert result.exit_code == 0
    assert "- accepted: incident_open: dev: No hats" in result.output


def test_a_deployment_that_failed_is_a_reason_to_refuse(root: Path, ledger: Served) -> None:
    ledger.deployed("dev", "1.3.0", status="failed", image_digest=THREE)

    assert "(deployment_failed)" in refused(root, promote(root, ledger))


def test_every_reason_is_told_at_once(root: Path, ledger: Served) -> None:
    ledger.deployed("dev", "1.3.0", status="failed", image_digest=THREE)

    reasons = json.loads(promote(root, ledger, "--soak", "1d", "--json").output)["refused"]

    assert len(reasons) == 2


@pytest.mark.parametrize("name", ["dev", "staging"])
def test_what_is_not_committed_is_refused(root: Path, ledger: Served, name: str) -> None:
    file = release(root, name)
    before = file.read_text() + "# half an edit\n"
    file.write_text(before)

    result = promote(root, ledger)

    assert (result.exit_code, file.read_text()) == (1, before)
    assert f"overlays/{name}/release/kustomization.yaml has uncommitted changes" in result.output


@pytest.mark.parametrize("hidden", ["by an ignored folder", "by a setting"])
def test_what_git_does_not_show_is_not_committed_either(root: Path, hidden: str) -> None:
    git(root, "rm", "-r", "--quiet", "--cached", "overlays/dev")
    if hidden == "by a setting":
        git(root, "config", "status.showUntrackedFiles", "no")
    else:
        write(root / ".gitignore", "dev/\n")
        git(root, "add", ".gitignore")
    git(root, "commit", "--quiet", "--message", "Hide it.")
    reason = "overlays/dev/release/kustomization.yaml has uncommitted changes"
    assert reason in refused(root, promote(root, None))


def test_the_path_of_a_file_is_no_pattern(root: Path) -> None:
    git(root, "mv", "overlays", "[o]verlays")
    commit(root)
    write(root / "overlays/dev/release/kustomization.yaml", "a change beside it\n")
    assert run(root / "[o]verlays", *SEVERAL).exit_code == 0


def test_a_link_stays_and_its_file_is_changed(root: Path) -> None:
    file = release(root, "staging")
    its = file.rename(file.with_name("images.yaml"))
    file.symlink_to(its.name)
    commit(root)

    assert promote(root, None).exit_code == 0
    assert (file.is_symlink(), "1.2.0" in its.read_text()) == (True, True)
    commit(root)
    argv = ("rollback", "--env", "staging")
    assert run(root, *argv).exit_code == 0
    assert its.read_text() == RELEASE.format(tag="1.1.0", digest=ONE)


@pytest.mark.parametrize("where", ["a submodule", "elsewhere"])
def test_a_file_of_another_clone_is_left_to_that_one(
    root: Path, tmp_path: Path, where: str
) -> None:
    its = root / "overlays" if where == "a submodule" else tmp_path / "elsewhere"
    if where == "elsewhere":
        release(root, "staging").parent.rename(its)
        release(root, "staging").parent.symlink_to(its)
    git(its, "init", "--quiet")
    commit(its)
    for command in (SEVERAL, ("rollback", "--env", "staging")):
        result = run(root, *command)
        assert (result.exit_code, "run this there" in result.output) == (2, True)
    assert git(its, "status", "--porcelain") == ""


def test_a_read_only_file_is_left_alone(root: Path) -> None:
    release(root, "staging").chmod(0o444)
    reason = "overlays/staging/release/kustomization.yaml is read-only: make it writable first"
    assert reason in refused(root, promote(root, None))
    assert reason in refused(root, run(root, "rollback", "--env", "staging"))
    argv = ("pin", "--env", "staging", "--tag", "1.3.0", "--digest", THREE)
    assert reason in refused(root, run(root, *argv))


@pytest.mark.parametrize("fault", ["encoding", "disk"])
def test_a_file_that_cannot_be_written_is_told(
    root: Path, monkeypatch: pytest.MonkeyPatch, fault: str
) -> None:
    file = release(root, "staging")
    if fault == "encoding":
        file.write_bytes(file.read_text().encode("utf-16"))
        commit(root)
    else:
        full = OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))
        monkeypatch.setattr(Path, "replace", lambda *_: raises(full))
    before = {each: each.read_bytes() for each in file.parent.iterdir()}

    result = promote(root, None)

    assert result.exit_code == 2
    assert {"encoding": "not written in utf-8", "disk": "No space left"}[fault] in result.output
    assert {each: each.read_bytes() for each in file.parent.iterdir()} == before


def raises(error: OSError) -> None:
    raise error


def test_without_a_ledger_it_must_be_said(root: Path) -> None:
    result = run(root, "promote", "--from", "dev", "--to", "staging")
    assert result.exit_code == 2
    assert "--without-ledger" in result.output

    result = promote(root, None)
    assert result.exit_code == 0
    assert "no ledger was asked" in result.output


def test_a_ledger_that_does_not_answer_or_refuses_changes_nothing(
    root: Path, ledger: Served, monkeypatch: pytest.MonkeyPatch
) -> None:
    before = texts(root)

    assert promote(root, replace(ledger, url="http://127.0.0.1:9")).exit_code == 2
    monkeypatch.setenv("LEDGER_TOKEN", "another")
    result = promote(root, ledger)

    assert result.exit_code == 2
    assert "LEDGER_TOKEN" in result.output
    assert texts(root) == before


def test_a_signature_that_is_asked_for_must_verify(
    root: Path, ledger: Served, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    write(root / "gitops.yaml", "promotion: {cosign-key: cosign.pub}\n")
    commit(root)
    monkeypatch.setattr(programs, "BUILT", tmp_path / "bin")
    for name, text in (("refuse", "echo no matching signatures >&2; exit 1"), ("accept", "exit 0")):
        program = tmp_path / "bin/cosign"
        write(program, f'#!/bin/sh\necho "$@" > {tmp_path}/{name}\n{text}\n')
        program.chmod(0o755)
        result = promote(root, ledger)
        if name == "refuse":
            assert "no matching signatures" in refused(root, result)

    assert result.exit_code == 0
    asked = (tmp_path / "accept").read_text().split()
    whose = ["--key", f"{root}/cosign.pub", "--insecure-ignore-tlog"]
    assert asked == ["verify", *whose, f"registry.example/shop@{TWO}"]


def test_an_identity_may_leave_the_tag_open() -> None:
    workflow = "https://forge.example/acme/shop/release.yaml@refs/tags/"

    matches = re.compile(pattern(f"{workflow}v*")).search

    assert matches(f"{workflow}v1.2.0")
    assert not matches(f"{workflow.replace('.', 'x')}v1.2.0")
    assert not matches(f"https://evil.example/{workflow}v1.2.0")
    assert not matches(workflow.replace("tags", "heads"))


def test_without_cosign_a_signature_that_is_asked_for_is_not_taken_on_trust(
    root: Path, ledger: Served, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    assert "its signature is not verified" in promote(root, ledger, "--dry-run").output
    write(root / "gitops.yaml", "promotion: {cosign-key: cosign.pub}\n")
    commit(root)
    before = texts(root)
    (tmp_path / "bin").mkdir()
    (tmp_path / "bin/git").symlink_to(str(shutil.which("git")))
    monkeypatch.setattr(programs, "BUILT", tmp_path / "bin")
    monkeypatch.setenv("PATH", str(tmp_path / "bin"))

    result = promote(root, ledger)

    assert result.exit_code == 2
    assert "cosign is not installed: gitops.yaml asks for a signature" in result.output
    assert texts(root) == before


def test_a_target_that_the_ledger_never_heard_of_gets_its_first_release(
    root: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("LEDGER_TOKEN", TOKEN)
    with served(tmp_path / "admin-token", tmp_path) as new:
        new.deployed("dev", "1.2.0", image_digest=TWO, finished_at=HOURS_AGO)

        assert promote(root, new).exit_code == 0
        assert f"digest: {TWO}" in release(root, "staging").read_text()


def test_several_images_need_a_name(root: Path) -> None:
    argv = ["promote", str(root), "--from", "dev", "--to", "staging", "--without-ledger"]

    result = CliRunner().invoke(cli, argv)

    assert result.exit_code == 2
    assert "--image" in result.output


SEVERAL = ("promote", "--from", "dev", "--to", "staging", "--without-ledger")
BOTH = ("--image", "registry.example/shop", "--image", "registry.example/sidecar")


def test_several_images_are_promoted_together(root: Path) -> None:
    # The entry above the other one gets a line more.
    file = release(root, "staging")
    file.write_text(
        TAG_ALONE.replace('"{tag}"', '"1"')
        + '  - name: registry.example/sidecar\n    newTag: "6"\n'
    )
    for name, digest in (("dev", THREE), ("staging", ONE)):
        text = (
            release(root, name)
            .read_text()
            .replace('newTag: "7"', f'newTag: "7"\n    digest: {digest}')
        )
        release(root, name).write_text(text)
    commit(root)

    found = json.loads(run(root, *SEVERAL, *BOTH, "--json").output)

    assert [each["changed"] for each in found["promotions"]] == [True, True]
    dev, staging = (
        {image: pin.release for image, pin in pins(repository, overlay).items()}
        for repository in (Repository.open(root),)
        for overlay in repository.overlays
        if overlay.folder.name in ("dev", "staging")
    )
    assert dev == staging
    assert len(dev) == 2


def test_of_several_images_none_is_promoted_if_one_is_refused(root: Path) -> None:
    before = texts(root)

    result = run(root, *SEVERAL, *BOTH)

    assert result.exit_code == 1
    assert "refused: Promote sidecar 7 to staging" in result.output
    assert "overlays/staging/release/kustomization.yaml was not changed" in result.output
    assert texts(root) == before


def test_several_images_are_no_one_service(root: Path) -> None:
    result = run(root, *SEVERAL, *BOTH, "--service", "shop")
    assert result.exit_code == 2
    assert "--service" in result.output


def test_a_target_without_a_digest_gets_one(root: Path) -> None:
    release(root, "staging").write_text(TAG_ALONE.format(tag="1.1.0").removesuffix("\n"))
    commit(root)

    assert promote(root, None).exit_code == 0
    assert (
        release(root, "staging")
        .read_text()
        .endswith(f'    newTag: "1.2.0" # for people\n    digest: {TWO}')
    )


NEW = Release("1.2.0", TWO)
BEFORE = "# before\nimages: # what runs here\n"
BLOCK = f"""{BEFORE}  - digest: {ONE} # decides
    name: shop # where CI pushes
    newTag: "1" # for people
# after
"""
CHANGED = BLOCK.replace('"1"', '"1.2.0"').replace(ONE, TWO)
WRITTEN = {
    "a line each": (BLOCK, NEW, CHANGED),
    "CRLF": (BLOCK.replace("\n", "\r\n"), NEW, CHANGED.replace("\n", "\r\n")),
    "a byte-order mark": (f"\ufeff{BLOCK}", NEW, f"\ufeff{CHANGED}"),
    "no newline at the end": (BLOCK.removesuffix("\n"), NEW, CHANGED.removesuffix("\n")),
    "without a digest before": (
        BEFORE + "  - name: shop\r\n    newTag: 1\r\n",
        NEW,
        BEFORE + f"  - name: shop\r\n    newTag: 1.2.0\r\n    digest: {TWO}\r\n",
    ),
    "without a digest afterwards": (
        BLOCK,
        Release("2", ""),
        BLOCK.replace(f"digest: {ONE} # decides\n    ", "").replace('"1"', '"2"'),
    ),
    "in one line": (
        f"images: [{{name: shop, newTag: '1', digest: {ONE}}}] # here\n",
        NEW,
        f"images: [{{name: shop, newTag: '1.2.0', digest: {TWO}}}] # here\n",
    ),
    "in one line, after a byte-order mark": (
        "\ufeffimages: [{name: shop, newTag: '1'}] # here\n",
        NEW,
        f"\ufeffimages: [{{name: shop, newTag: '1.2.0', digest: {TWO}}}] # here\n",
    ),
    "in one line, without a digest afterwards": (
        f"images: [{{digest: {ONE}, name: shop, newTag: '1'}}, {{name: a}}]\n",
        Release("2", ""),
        "images: [{name: shop, newTag: '2'}, {name: a}]\n",
    ),
    "over several lines": (
        f"images: [{{name: shop, newTag: '1',\n  digest: {ONE}}}]\n",
        NEW,
        f"images: [{{name: shop, newTag: '1.2.0',\n  digest: {TWO}}}]\n",
    ),
    "JSON": (
        f'{{"images": [{{"name": "shop", "newTag": "1", "digest": "{ONE}"}}]}}\n',
        NEW,
        f'{{"images": [{{"name": "shop", "newTag": "1.2.0", "digest": "{TWO}"}}]}}\n',
    ),
    "JSON without a digest": (
        '{"images": [{"name": "shop", "newTag": "1"}]}\n',
        NEW,
        f'{{"images": [{{"name": "shop", "newTag": "1.2.0", "digest": "{TWO}"}}]}}\n',
    ),
    "an alias": (
        "images:\n  - {name: a, newTag: &v '1'}\n  - name: shop\n    newTag: *v # it\n",
        NEW,
        f"images:\n  - {{name: a, newTag: &v '1'}}\n"
        f"  - name: shop\n    newTag: '1.2.0' # it\n    digest: {TWO}\n",
    ),
    "a mapping that is merged": (
        "x: &x {newTag: '1'}\nimages:\n  - <<: *x\n    name: shop\n",
        Release("1.2.0", ""),
        "x: &x {newTag: '1'}\nimages:\n  - <<: *x\n    name: shop\n    newTag: 1.2.0\n",
    ),
    "a number": (
        "images:\n  - name: shop\n    newTag: 1.10 # it\n",
        Release("1.20", ""),
        'images:\n  - name: shop\n    newTag: "1.20" # it\n',
    ),
    "nothing, and a block of text": (
        f"images:\n  - name: shop\n    newTag:\n    digest: >-\n      {ONE}\n# after\n",
        NEW,
        f"images:\n  - name: shop\n    newTag: 1.2.0\n    digest: {TWO}\n# after\n",
    ),
    "one of several documents": (
        "---\nimages:\n  - name: shop\n    newTag: '1'\n---\n# after\n",
        NEW,
        f"---\nimages:\n  - name: shop\n    newTag: '1.2.0'\n    digest: {TWO}\n---\n# after\n",
    ),
    "a tag and an anchor before a value": (
        f"images:\n  - name: shop\n    newTag: !!str 1.10 # it\n    digest: &it {ONE}\n",
        Release("1.20", TWO),
        f'images:\n  - name: shop\n    newTag: !!str "1.20" # it\n    digest: &it {TWO}\n',
    ),
    "tabs between values": (
        f"images:\n  - name: shop\t# a\tb\n    newTag:\t'1'\n    digest:\t{ONE}\t# it\n",
        NEW,
        f"images:\n  - name: shop\t# a\tb\n    newTag:\t'1.2.0'\n    digest:\t{TWO}\t# it\n",
    ),
    "no tag": (
        f"images:\n  - name: shop\n    newTag: ~\n    digest: {ONE}\n",
        Release("true", TWO),
        f'images:\n  - name: shop\n    newTag: "true"\n    digest: {TWO}\n',
    ),
    "a digest in the tag": (
        f"images:\n  - name: shop\n    newTag: v1@{ONE} # it\n",
        NEW,
        f"images:\n  - name: shop\n    newTag: 1.2.0@{TWO} # it\n",
    ),
    "a digest in the tag, and one that counts": (
        f"images:\n  - name: shop\n    newTag: '1@{TWO}'\n    digest: {ONE}\n",
        NEW,
        f"images:\n  - name: shop\n    newTag: '1.2.0@{TWO}'\n",
    ),
    "a digest in the tag, without one afterwards": (
        f"images:\n  - name: shop\n    newTag: v1@{ONE}\n",
        Release("2", ""),
        'images:\n  - name: shop\n    newTag: "2"\n',
    ),
    "the entry that counts, of two": (
        "images:\n  - {name: shop, newTag: '1'}\n  - {name: shop, newTag: '2'}\n",
        NEW,
        "images:\n  - {name: shop, newTag: '1'}\n"
        f"  - {{name: shop, newTag: '1.2.0', digest: {TWO}}}\n",
    ),
    "in one line, without a tag afterwards": (
        f"images: [{{name: shop, newTag: '1', digest: {ONE}}}]\n",
        Release("", TWO),
        f"images: [{{name: shop, digest: {TWO}}}]\n",
    ),
}


@pytest.mark.parametrize("written", WRITTEN)
def test_a_release_is_written_as_the_file_is_written(tmp_path: Path, written: str) -> None:
    before, new, after = WRITTEN[written]
    file = tmp_path / "kustomization.yaml"
    file.write_text(before, encoding="utf-8", newline="")
    repository = Repository.open(tmp_path)
    (pin,) = [
        each for each in pins(repository, repository.overlays[0]).values() if each.image == "shop"
    ]
    assert pin.with_release(new) == after
    proposal = Proposal("A title", pin, new, "kustomization.yaml", Judgement())
    proposal.write()
    assert read(file) == after


@pytest.mark.parametrize(
    ("text", "reason"),
    [
        (
            "images:\n- &shop\n  name: shop\n  newTag: '1'\n- {<<: *shop, name: mail}\n",
            "other places take the release from here, by an alias",
        ),
        (
            "images: [{name: shop, newTag: &v '1'}, {name: mail, newTag: *v}]\n",
            "other places take the release from here, by an alias",
        ),
        (
            "images:\n  - ? name\n    : shop\n    ? newTag\n    : '1'\n",
            "write this entry of `images` with one key on each line",
        ),
    ],
)
def test_an_entry_that_cannot_be_changed_alone_is_left_alone(
    tmp_path: Path, text: str, reason: str
) -> None:
    (tmp_path / "kustomization.yaml").write_text(text)
    repository = Repository.open(tmp_path)
    pin = pins(repository, repository.overlays[0])["shop"]
    with pytest.raises(GitopsError, match=reason):
        pin.with_release(NEW)


@pytest.fixture
def applications(tmp_path: Path) -> Repository:
    """Two applications of two environments, each with a proxy beside it; mail has a worker, too."""
    for name, images in {"mail": ("mail", "proxy", "worker"), "shop": ("shop", "proxy")}.items():
        write(tmp_path / f"{name}/base/kustomization.yaml", "resources: []\n")
        for environment in ("dev", "prod"):
            text = "".join(f"  - {{name: {each}, newTag: '1'}}\n" for each in images)
            file = tmp_path / name / environment / "kustomization.yaml"
            write(file, f"resources: [../base]\nimages:\n{text}")
    return Repository.open(tmp_path)


@pytest.mark.parametrize(
    ("environment", "image", "beside", "expected"),
    [
        ("dev", "shop", "", "shop/dev"),
        ("dev", "worker", "", "mail/dev"),
        ("mail/dev", "proxy", "", "mail/dev"),
        ("prod", "proxy", "shop/dev", "shop/prod"),
        ("dev", "proxy", "", "mail/dev, shop/dev pin proxy: name one of them by its path"),
        ("dev", None, "", "dev pins mail, proxy, shop, worker: choose one with --image"),
        ("dev", "shap", "", "dev does not pin shap, but mail, proxy, shop, worker"),
        ("qa", "shop", "", "no overlay is called qa"),
    ],
)
def test_which_of_several_applications_is_meant(
    applications: Repository, environment: str, image: str | None, beside: str, expected: str
) -> None:
    try:
        if beside:
            here = choose(Environments.find(applications), beside, image)
            found = choose_beside(Environments.find(applications), environment, here).overlay.name
        else:
            found = choose(Environments.find(applications), environment, image).overlay.name
    except GitopsError as error:
        found = error.message
    assert found.startswith(expected)


def test_a_tag_alone_is_promoted_where_a_tag_is_enough(root: Path) -> None:
    release(root, "dev").write_text(TAG_ALONE.format(tag="1.3.0"))
    commit(root)
    assert "a digest is needed, unless `pins` in gitops.yaml says" in refused(
        root, promote(root, None)
    )
    write(root / "gitops.yaml", "pins: {tag-is-enough: [dev, staging]}\n")
    commit(root)
    assert promote(root, None).exit_code == 0
    assert release(root, "staging").read_text().count("1.3.0") == 1
    assert ONE not in release(root, "staging").read_text()


def test_a_release_without_a_tag_is_called_by_its_digest(root: Path) -> None:
    text = RELEASE.format(tag="", digest=TWO)
    release(root, "dev").write_text(text.replace('    newTag: "" # for people\n', ""))
    commit(root)
    result = promote(root, None)
    assert "Promote shop sha256:222222222222 to staging" in result.output
    assert release(root, "staging").read_text().count("newTag") == 1


def history_of(root: Path, ledger: Served) -> dict[str, Any]:
    """Deploy a bad release to dev after 1.1.0 and 1.2.0; return the bad deployment."""
    pin(root, "dev", "1.3.0", THREE)
    return ledger.deployed("dev", "1.3.0", image_digest=THREE)


def test_a_rollback_goes_to_the_release_before(root: Path, ledger: Served) -> None:
    history_of(root, ledger)

    result = rollback(root, ledger)

    assert result.exit_code == 0, result.output
    assert release(root, "dev").read_text() == RELEASE.format(tag="1.2.0", digest=TWO)
    assert "Roll shop in dev back to 1.2.0" in result.output


def test_a_shallow_clone_does_not_know_what_to_go_back_to(root: Path, tmp_path: Path) -> None:
    pin(root, "dev", "1.3.0", THREE)
    git(tmp_path, "clone", "--depth=1", f"file://{root}", "shallow")

    result = rollback(tmp_path / "shallow", None)

    assert (result.exit_code, "git fetch --unshallow" in result.output) == (2, True)


def test_the_deployment_of_it_is_a_rollback_to_the_ledger(root: Path, ledger: Served) -> None:
    history_of(root, ledger)
    rollback(root, ledger)

    assert ledger.deployed("dev", "1.2.0", image_digest=TWO)["kind"] == "rollback"


def test_a_release_that_led_to_an_incident_is_passed_over(root: Path, ledger: Served) -> None:
    (bad,) = [
        each
        for each in ledger.send("GET", "deployments")["items"]
        if (each["environment"], each["version"]) == ("dev", "1.2.0")
    ]
    ledger.send(
        "POST",
        "incidents",
        service="shop",
        environment="dev",
        title="No hats",
        deployment_id=bad["id"],
        detected_at=datetime.now(UTC).isoformat(),
    )
    history_of(root, ledger)

    result = rollback(root, ledger)

    assert release(root, "dev").read_text() == RELEASE.format(tag="1.1.0", digest=ONE)
    assert "skipped 1.2.0@sha256:222222222222: it led to an incident: No hats" in result.output


def test_a_release_that_failed_is_passed_over(root: Path, ledger: Served) -> None:
    ledger.deployed("dev", "1.2.0", status="failed", image_digest=TWO)
    history_of(root, ledger)

    assert "it failed when it was last deployed" in rollback(root, ledger).output
    assert release(root, "dev").read_text() == RELEASE.format(tag="1.1.0", digest=ONE)


def test_a_release_that_failed_under_its_tag_in_git_is_passed_over(
    root: Path, ledger: Served
) -> None:
    ledger.deployed("dev", "v1.2.0", status="failed")
    history_of(root, ledger)

    assert "it failed when it was last deployed" in rollback(root, ledger).output


@pytest.mark.parametrize(
    ("one", "other", "same"),
    [
        (("1.2.0", ONE), ("v1.2.0", ONE), True),
        (("1.2.0", ONE), ("1.2.0", TWO), False),
        (("1.2.0", ONE), ("9", ONE), True),
        (("1.2.0", ONE), ("v1.2.0", ""), True),
        (("v1.2.0", ""), ("1.2.0", ""), True),
        (("1.2.0", ""), ("1.2.1", ""), False),
        (("vault", ""), ("ault", ""), False),
        (("", ONE), ("1.2.0", ""), False),
    ],
)
def test_which_releases_are_the_same(
    one: tuple[str, str], other: tuple[str, str], same: bool
) -> None:
    assert Release(*one).is_same(Release(*other)) is same
    assert Release(*other).is_same(Release(*one)) is same


def test_a_version_that_is_said_is_taken(root: Path) -> None:
    assert rollback(root, None, "--to", "1.1.0").exit_code == 0
    assert release(root, "dev").read_text() == RELEASE.format(tag="1.1.0", digest=ONE)


def test_a_number_of_a_build_is_no_beginning_of_a_digest(root: Path) -> None:
    pin(root, "dev", "7", f"sha256:12{'3' * 62}")
    pin(root, "dev", "8", THREE)
    assert rollback(root, None, "--to", "12").exit_code == 2
    assert rollback(root, None, "--to", "").exit_code == 2
    assert "back to 7" in rollback(root, None, "--to", "sha256:1233333", "--dry-run").output
    assert "back to 7" in rollback(root, None, "--to", "1233333", "--dry-run").output


def test_the_history_is_read_whatever_git_is_set_to_and_whatever_was_in_the_file(
    root: Path, tmp_path: Path
) -> None:
    file = release(root, "dev")
    file.write_bytes("# Größe\n".encode("latin-1"))
    commit(root)
    pin(root, "dev", "1.3.0", THREE)
    key = tmp_path / "key"
    subprocess.run(["ssh-keygen", "-q", "-t", "ed25519", "-N", "", "-f", key], check=True)
    signing = {"gpg.format": "ssh", "user.signingKey": str(key), "log.showSignature": "true"}
    for name, value in signing.items():
        git(root, "config", name, value)
    git(root, "commit", "--quiet", "--amend", "--gpg-sign", "--message", "Signed.")

    assert rollback(root, None).exit_code == 0
    assert file.read_text() == RELEASE.format(tag="1.2.0", digest=TWO)


def test_a_release_counts_since_its_file_is_there_again(root: Path) -> None:
    file, text = release(root, "dev"), release(root, "dev").read_text()
    file.unlink()
    commit(root)
    write(file, text)
    again = commit(root)
    found = since(
        Clone.of(root),
        choose(Environments.find(Repository.open(root)), "dev", "registry.example/shop"),
    )
    assert found is not None
    assert found.commit == again


def test_a_version_that_was_never_declared_is_an_error(root: Path) -> None:
    result = rollback(root, None, "--to", "9.9.9")

    assert result.exit_code == 2
    assert "the git history has 1.1.0@" in result.output


def test_where_there_was_no_other_release_there_is_nothing_to_go_back_to(root: Path) -> None:
    result = run(root, "rollback", "--env", "prod")

    reason = "no earlier release is known to be good: the history of overlays/prod/release/"
    assert reason in refused(root, result)


def pin_release(root: Path, *argv: str) -> Result:
    image = ("--image", "registry.example/shop")
    return CliRunner().invoke(cli, ["pin", str(root), "--env", "dev", *image, *argv])


def test_a_published_release_is_pinned_and_nothing_else_changes(root: Path) -> None:
    before = texts(root)

    result = pin_release(root, "--tag", "1.3.0", "--digest", THREE)

    assert result.exit_code == 0, result.output
    before[release(root, "dev")] = RELEASE.format(tag="1.3.0", digest=THREE)
    assert texts(root) == before
    assert "Release shop 1.3.0 to dev" in result.output


def test_what_is_gone_back_to_is_told_with_the_commit_that_declared_it(root: Path) -> None:
    declared, day = git(root, "log", "--format=%H %cs", "--max-parents=0").split()

    assert f"last declared by {declared[:12]} of {day}" in rollback(root, None).output


def test_pinning_the_same_again_changes_nothing(root: Path) -> None:
    before = texts(root)

    result = pin_release(root, "--tag", "1.2.0", "--digest", TWO)

    assert result.exit_code == 0
    assert "already has 1.2.0@sha256:222222222222" in result.output
    assert texts(root) == before


@pytest.mark.parametrize(
    ("tag", "digest"), [("1.3.0", "sha256:3"), ("a b", THREE), ('"', THREE), ("", THREE)]
)
def test_what_is_no_release_is_not_pinned(root: Path, tag: str, digest: str) -> None:
    before = texts(root)

    assert pin_release(root, "--tag", tag, "--digest", digest).exit_code == 2
    assert texts(root) == before


def test_an_unsigned_release_is_not_pinned(
    root: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    issuer = "cosign-identity: https://forge.example/v*, cosign-issuer: https://issuer.example"
    write(root / "gitops.yaml", f"promotion: {{{issuer}}}\n")
    commit(root)
    monkeypatch.setattr(programs, "BUILT", tmp_path / "bin")
    write(tmp_path / "bin/cosign", f'#!/bin/sh\necho "$@" >{tmp_path}/asked\nexit 1\n')
    (tmp_path / "bin/cosign").chmod(0o755)
    before = texts(root)

    result = pin_release(root, "--tag", "1.3.0", "--digest", THREE)

    assert result.exit_code == 1
    assert "its signature does not verify" in result.output
    assert texts(root) == before
    asked = (tmp_path / "asked").read_text().split()
    assert asked[:2] == ["verify", "--certificate-identity-regexp"]
    assert asked[-1] == f"registry.example/shop@{THREE}"


def test_a_changed_file_is_not_pinned_over(root: Path) -> None:
    release(root, "dev").write_text(RELEASE.format(tag="mine", digest=ONE))

    result = pin_release(root, "--tag", "1.3.0", "--digest", THREE)

    assert result.exit_code == 1
    assert "has uncommitted changes: commit them first" in result.output
