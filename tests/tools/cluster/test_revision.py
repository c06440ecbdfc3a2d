from collections.abc import Callable
from functools import partial
from pathlib import Path

import pytest

from gitops.revision import Clone
from tests import clone
from tools import overlay
from tools.cluster import revision
from tools.command import ROOT, ToolError

Git = Callable[..., str]
OVERLAY = "k8s/overlays/dev/kustomization.yaml"


@pytest.fixture
def root(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    folder = tmp_path / "clone"
    folder.mkdir()
    monkeypatch.setattr(revision, "ROOT", folder)
    return folder


@pytest.fixture
def history(root: Path) -> Git:
    """A repository with three commits: without manifests, v1, and another one after it."""
    git = partial(clone.git, root)
    git("init", "--quiet")
    git("commit", "--quiet", "--allow-empty", "--message", "empty")
    git("tag", "empty")
    for content in ("first", "second"):
        path = root / OVERLAY
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(content, encoding="utf-8")
        (root / "README.md").write_text(content, encoding="utf-8")
        git("add", ".")
        git("commit", "--quiet", "--message", content)
        if content == "first":
            git("tag", "--annotate", "--message", "v1", "v1")
    return git


@pytest.mark.usefixtures("history")
def test_an_overlay_is_given_as_it_was_and_removed_afterwards(root: Path) -> None:
    build = root / revision.BUILD
    with revision.overlay_at("v1", "dev") as folder:
        assert (folder / "kustomization.yaml").read_text(encoding="utf-8") == "first"
        assert folder.is_relative_to(build)
        assert not list(build.glob("*/tree/README.md")), "only k8s/"
    assert not list(build.iterdir())


def test_a_revision_is_a_tag_or_a_commit(history: Git, root: Path) -> None:
    commit = history("rev-parse", "HEAD~1")
    found = Clone(root)
    assert found.commit("v1") == found.commit(commit[:12]) == commit


@pytest.mark.usefixtures("history")
def test_the_whole_tree_is_given_without_a_path() -> None:
    with revision.unpacked("v1") as folder:
        assert (folder / "README.md").read_text(encoding="utf-8") == "first"


def test_without_a_revision_the_overlay_is_that_of_the_working_tree() -> None:
    with revision.overlay_at(None, "dev") as folder:
        assert folder == ROOT / overlay.OVERLAYS / "dev"


@pytest.mark.usefixtures("history")
@pytest.mark.parametrize("name", ["v2", "", "--all", "HEAD:README.md"])
def test_an_unknown_revision_is_named_with_the_remedy(name: str) -> None:
    with (
        pytest.raises(ToolError, match=rf"no revision '{name}': `git fetch --tags`"),
        revision.overlay_at(name, "dev"),
    ):
        pass


def test_a_shallow_clone_is_told_to_fetch_the_rest(history: Git, root: Path) -> None:
    shallow = root.with_name("shallow")
    history("clone", "--quiet", "--depth", "1", root.as_uri(), str(shallow))
    with pytest.raises(ToolError, match="`git fetch --unshallow --tags`"):
        Clone(shallow).commit("v1")


@pytest.mark.usefixtures("history")
def test_a_revision_without_the_overlay_is_named() -> None:
    with (
        pytest.raises(ToolError, match="the revision empty has no overlay dev"),
        revision.overlay_at("empty", "dev"),
    ):
        pass
