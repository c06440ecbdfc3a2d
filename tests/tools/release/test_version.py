"""A version is written everywhere at once, or not at all; and only a good tag is released."""

from datetime import date
from pathlib import Path

import pytest

from tests.clone import commit, git
from tools import project
from tools.command import ROOT, ToolError
from tools.release import check, prepare, version

DAY = date(2026, 11, 24)
OWNER = "acme"
FILES = {
    "pyproject.toml": '[project]\nname = "slipway"\nversion = "0.1.0"\n',
    "api/version.py": 'VERSION = "0.1.0"\n',
    "gitops/__init__.py": '__version__ = "0.1.0"  # that of the release\n',
    "action.yaml": 'inputs:\n  version:\n    default: "0.1.0"\n',
    ".pre-commit-hooks.yaml": "- id: x\n  entry: uvx kustomize-gitops@0.1.0 check\n",
    "docs/api.md": '{\n  "service": "slipway", "version": "0.1.0",\n}\n',
    "CHANGELOG.md": "# Changelog\n\n## Unreleased\n\n- A thing.\n",
    "k8s/base/deployment.yaml": f"image: ghcr.io/{OWNER}/slipway\n",
}


@pytest.fixture
def root(tmp_path: Path) -> Path:
    for name, text in FILES.items():
        (tmp_path / name).parent.mkdir(parents=True, exist_ok=True)
        (tmp_path / name).write_text(text, encoding="utf-8")
    git(tmp_path, "init", "--quiet", "--initial-branch", "main")
    commit(tmp_path)
    return tmp_path


def texts(root: Path) -> dict[str, str]:
    return {name: (root / name).read_text(encoding="utf-8") for name in FILES}


def refused(root: Path, new: str, why: str) -> None:
    before = texts(root)
    with pytest.raises(ToolError, match=why):
        prepare.prepare(root, new, DAY)
    assert texts(root) == before


def release(root: Path, new: str) -> str:
    """Prepare, commit and tag a version, and return the tag."""
    prepare.prepare(root, new, DAY)
    commit(root)
    git(root, "tag", f"v{new}")
    return f"v{new}"


def test_a_release_that_nobody_could_pin_is_refused(
    root: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    identity = "https://github.com/acme/slipway/.github/workflows/build-image.yaml@refs/tags/v*"
    text = f"promotion:\n  cosign-identity: {identity}\n"
    (root / "k8s/gitops.yaml").write_text(text, encoding="utf-8")
    commit(root)
    tag = release(root, "0.2.0")
    for repository in (None, "acme/slipway"):
        check.demand_signer(root, repository)
    monkeypatch.setenv("GITHUB_REPOSITORY", "acme/ledger")
    with pytest.raises(
        ToolError, match=r"k8s/gitops.yaml asks for the signature of .*acme/slipway"
    ):
        check.check(root, tag, "main", OWNER)


def test_this_repository_says_its_version_in_every_place() -> None:
    assert version.current(ROOT)


def test_a_version_is_written_everywhere_and_gets_the_changes(root: Path) -> None:
    changed = prepare.prepare(root, "0.2.0", DAY)
    assert sorted(changed) == sorted(set(FILES) - {"k8s/base/deployment.yaml"})
    assert version.current(root) == "0.2.0"
    for name in version.PLACES:
        assert texts(root)[name] == FILES[name].replace("0.1.0", "0.2.0")
    expected = "# Changelog\n\n## Unreleased\n\n## 0.2.0 (2026-11-24)\n\n- A thing.\n"
    assert texts(root)["CHANGELOG.md"] == expected
    assert version.notes(root, "0.2.0") == "- A thing."


def test_the_first_release_may_have_the_version_that_is_there(root: Path) -> None:
    assert prepare.prepare(root, "0.1.0", DAY) == ["CHANGELOG.md"]


@pytest.mark.parametrize("new", ["0.2", "v0.2.0", "0.2.0+1", "00.2.0", "0.2.0-", "0.2.0-RC1", ""])
def test_what_is_no_version_is_refused(root: Path, new: str) -> None:
    refused(root, new, "is not a version")


def test_a_version_that_is_tagged_is_refused(root: Path) -> None:
    git(root, "tag", "v0.2.0")
    refused(root, "0.2.0", "the tag v0.2.0 exists")


@pytest.mark.parametrize("new", ["0.1.1", "0.9.0", "0.10.0-rc.1"])
def test_a_version_older_than_a_tag_is_refused(root: Path, new: str) -> None:
    git(root, "tag", "v0.10.0")
    git(root, "tag", "v-not-a-version")
    refused(root, new, f"{new} is older than 0.10.0, which is released")


def test_a_version_older_than_the_present_one_is_refused(root: Path) -> None:
    refused(root, "0.0.9", "0.0.9 is older than 0.1.0, the version in pyproject.toml")


def test_a_clone_with_changes_is_refused(root: Path) -> None:
    (root / "new").write_text("", encoding="utf-8")
    refused(root, "0.2.0", "commit or stash your changes first: new")


def test_a_release_without_changes_is_refused(root: Path) -> None:
    release(root, "0.2.0")
    refused(root, "0.3.0", "nothing under '## Unreleased' to release")


def test_places_that_differ_are_named(root: Path) -> None:
    (root / "api/version.py").write_text('VERSION = "0.1.1"\n', encoding="utf-8")
    refused(root, "0.2.0", r"pyproject.toml has 0.1.0, api/version.py has 0.1.1")


def test_versions_are_ordered_as_semver_says() -> None:
    ordered = ["0.9.0", "0.10.0-1", "0.10.0-rc", "0.10.0-rc.2", "0.10.0-rc.10", "0.10.0", "1.0.0"]
    assert sorted(set(ordered), key=version.order) == ordered


def test_a_tag_of_the_version_on_the_main_branch_may_be_released(root: Path) -> None:
    tag = release(root, "0.2.0")
    check.check(root, tag, "main", "Acme")


def test_a_tag_that_is_not_the_version_may_not(root: Path) -> None:
    release(root, "0.2.0")
    git(root, "tag", "v0.3.0")
    with pytest.raises(ToolError, match=r"v0\.3\.0, but the version in pyproject.toml is 0\.2\.0"):
        check.check(root, "v0.3.0", "main", OWNER)


def test_a_tag_beside_the_main_branch_may_not(root: Path) -> None:
    git(root, "switch", "--quiet", "--create", "beside")
    tag = release(root, "0.2.0")
    with pytest.raises(ToolError, match="is not on main: merge it first"):
        check.check(root, tag, "main", OWNER)


def test_another_commit_than_the_tagged_one_may_not(root: Path) -> None:
    tag = release(root, "0.2.0")
    commit(root)
    with pytest.raises(ToolError, match="and this clone is at"):
        check.check(root, tag, "main", OWNER)


def test_a_version_without_its_section_may_not(root: Path) -> None:
    git(root, "tag", "v0.1.0")
    with pytest.raises(ToolError, match=r"CHANGELOG.md has no section for 0\.1\.0"):
        check.check(root, "v0.1.0", "main", OWNER)


def test_an_owner_that_the_overlays_do_not_pull_from_may_not(root: Path) -> None:
    tag = release(root, "0.2.0")
    with pytest.raises(ToolError, match="the overlays use the image of acme, but other publishes"):
        check.check(root, tag, "main", "other")


def test_in_a_shallow_clone_nothing_is_prepared_or_released(root: Path, tmp_path: Path) -> None:
    tag = release(root, "0.2.0")
    commit(root)
    git(tmp_path, "clone", "--quiet", "--depth=1", "--branch", tag, root.as_uri(), "shallow")

    with pytest.raises(ToolError, match="`git fetch --unshallow --tags`"):
        check.check(tmp_path / "shallow", tag, "HEAD", OWNER)
    refused(tmp_path / "shallow", "0.3.0", "`git fetch --unshallow --tags`")


def test_a_tag_that_is_not_here_is_named(root: Path) -> None:
    prepare.prepare(root, "0.2.0", DAY)
    commit(root)
    with pytest.raises(ToolError, match=r"this clone has no revision 'v0\.2\.0'"):
        check.check(root, "v0.2.0", "main", OWNER)


def test_the_repository_is_the_one_whose_workflow_runs(
    root: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.delenv("GITHUB_REPOSITORY", raising=False)
    assert project.repository(root) == "acme/slipway"
    monkeypatch.setenv("GITHUB_REPOSITORY", "acme/ledger")
    assert project.repository(root) == "acme/ledger"
