"""What `make pin` changed is proposed or pushed; nothing else is."""

from pathlib import Path

import pytest

from tests.clone import commit, git
from tests.tools.github.forge import Forge
from tools.command import ToolError
from tools.release.deliver import deliver

FILE = "k8s/overlays/dev/release/kustomization.yaml"
PIN = "images:\n  - name: api\n    newTag: {}\n"


def pin(root: Path, version: str = "1.0.0") -> None:
    (root / FILE).write_text(PIN.format(version), encoding="utf-8")


@pytest.fixture
def forge(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Forge:
    return Forge.put(tmp_path, tmp_path / "origin", monkeypatch)


@pytest.fixture
def root(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A clone with a remote, and a pin that is not committed."""
    folder, origin = tmp_path / "clone", tmp_path / "origin"
    (folder / FILE).parent.mkdir(parents=True)
    overlay = (folder / FILE).parent.parent / "kustomization.yaml"
    overlay.write_text("components: [release]\n", encoding="utf-8")
    pin(folder, "0.9.0")
    git(folder, "init", "--quiet", "--initial-branch", "main")
    commit(folder)
    git(tmp_path, "clone", "--quiet", "--bare", str(folder), str(origin))
    git(folder, "remote", "add", "origin", str(origin))
    pin(folder)
    for who in ("AUTHOR", "COMMITTER"):
        monkeypatch.setenv(f"GIT_{who}_NAME", "A")
        monkeypatch.setenv(f"GIT_{who}_EMAIL", "a@example.com")
    return folder


def remote(root: Path, branch: str) -> str:
    return git(root.with_name("origin"), "show", f"{branch}:{FILE}") + "\n"


def new_clone(root: Path) -> Path:
    """A clone of the origin as the next run of the job has it, with the pin that it makes."""
    again = root.with_name("again")
    git(root.parent, "clone", "--quiet", str(root.with_name("origin")), str(again))
    pin(again)
    return again


def test_a_pin_is_proposed_on_a_branch_of_its_own_and_checked(
    root: Path, forge: Forge, capsys: pytest.CaptureFixture[str]
) -> None:
    deliver(root, "v1.0.0", "pull-request", "main")
    assert remote(root, "main") == PIN.format("0.9.0")
    assert remote(root, "release/dev-v1.0.0") == PIN.format("1.0.0")
    (opened,) = forge.pulls
    assert (opened["branch"], opened["title"]) == ("release/dev-v1.0.0", "Release v1.0.0 to dev")
    assert forge.checks == [git(root, "rev-parse", "HEAD")]
    assert capsys.readouterr().out == "https://forge.example/pull/1\n"


@pytest.mark.parametrize("refused", ["pr list", "pr create", "run list", "workflow run"])
def test_what_failed_at_any_point_is_completed_by_the_next_run(
    root: Path, forge: Forge, refused: str
) -> None:
    forge.refuse(refused)
    with pytest.raises(ToolError, match=f"{refused} is refused"):
        deliver(root, "v1.0.0", "pull-request", "main")
    forge.refuse()
    deliver(new_clone(root), "v1.0.0", "pull-request", "main")

    assert [each["state"] for each in forge.pulls] == ["OPEN"]
    assert len(forge.checks) == 1


@pytest.mark.parametrize("refused", ["pr list", "pr create", "workflow run"])
def test_the_same_clone_delivers_what_failed_before(root: Path, forge: Forge, refused: str) -> None:
    forge.refuse(refused)
    with pytest.raises(ToolError, match="is refused"):
        deliver(root, "v1.0.0", "pull-request", "main")
    assert git(root, "log", "-1", "--format=%s") == "A step."
    forge.refuse()
    deliver(root, "v1.0.0", "pull-request", "main")

    assert [each["state"] for each in forge.pulls] == ["OPEN"]


def test_a_push_that_is_refused_leaves_the_pin_to_be_pushed(root: Path) -> None:
    other = new_clone(root)
    commit(other, "Somebody was faster")
    git(other, "push", "--quiet", "origin", "HEAD:main")
    for _ in range(2):
        with pytest.raises(ToolError, match="git push"):
            deliver(root, "v1.0.0", "push", "main")
    assert git(root, "diff", "--name-only", "HEAD") == FILE


def test_a_commit_that_somebody_has_pushed_meanwhile_is_kept(root: Path, forge: Forge) -> None:
    forge.refuse("pr create")
    with pytest.raises(ToolError, match="is refused"):
        deliver(root, "v1.0.0", "pull-request", "main")
    forge.refuse()
    theirs = new_clone(root)
    git(theirs, "checkout", "--quiet", "--force", "release/dev-v1.0.0")
    fix = commit(theirs, "A person's fix")
    git(theirs, "push", "--quiet", "origin", "HEAD")

    with pytest.raises(ToolError, match=r'ends with "A person\'s fix", which is not ours'):
        deliver(root, "v1.0.0", "pull-request", "main")
    assert git(root.with_name("origin"), "rev-parse", "release/dev-v1.0.0") == fix


def test_what_was_merged_is_delivered(
    root: Path, forge: Forge, capsys: pytest.CaptureFixture[str]
) -> None:
    deliver(root, "v1.0.0", "push", "main")
    deliver(new_clone(root), "v1.0.0", "pull-request", "main")

    assert forge.pulls == []
    assert capsys.readouterr().out.endswith("v1.0.0 is already declared: dev\n")


def test_a_pull_request_with_another_digest_is_not_replaced(root: Path, forge: Forge) -> None:
    deliver(root, "v1.0.0", "pull-request", "main")
    again = new_clone(root)
    (again / FILE).write_text(f"{PIN.format('1.0.0')}    digest: sha256:2\n", encoding="utf-8")

    with pytest.raises(ToolError, match="is open with another"):
        deliver(again, "v1.0.0", "pull-request", "main")
    assert remote(root, "release/dev-v1.0.0") == PIN.format("1.0.0")
    assert len(forge.pulls) == 1


def test_a_pin_is_pushed_where_that_is_how_it_is_done(root: Path, forge: Forge) -> None:
    deliver(root, "v1.0.0", "push", "main")
    assert remote(root, "main") == PIN.format("1.0.0")
    assert (forge.pulls, forge.checks) == ([], [])


def test_anything_beside_a_pin_is_not_delivered(root: Path) -> None:
    (root / "k8s/overlays/dev/host.yaml").write_text("mine\n", encoding="utf-8")
    git(root, "add", "--all")
    with pytest.raises(
        ToolError, match=r"one changed file, in a release/ folder, but found: k8s/overlays/dev/"
    ):
        deliver(root, "v1.0.0", "push", "main")
    assert remote(root, "main") == PIN.format("0.9.0")


def test_nothing_to_deliver_is_an_error(root: Path) -> None:
    git(root, "checkout", "--quiet", "--", FILE)
    with pytest.raises(ToolError, match="found: nothing"):
        deliver(root, "v1.0.0", "push", "main")


def test_another_way_is_refused(root: Path) -> None:
    with pytest.raises(ToolError, match="DELIVERY=mail: it is pull-request or push"):
        deliver(root, "v1.0.0", "mail", "main")
    assert git(root, "diff", "--name-only") == FILE
