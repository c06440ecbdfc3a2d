"""Renovate itself reads its configuration, this repository, and the releases of a GitHub."""

import re
import tomllib
from collections.abc import Callable
from pathlib import Path

import pytest

from tests.clone import commit, copy, git
from tests.renovate.dry_run import Report, dry_run, validate
from tests.renovate.github import GitHub, served
from tools.command import ROOT

CONFIG = (ROOT / "renovate.json5").read_text(encoding="utf-8")
DOWNLOADS = (ROOT / "tools/downloads.toml").read_text(encoding="utf-8")
PROGRAM_FILES = [f"k3d-{system}-amd64" for system in ("linux", "darwin")]
BROKEN = {
    "a misspelt option": ("minimumReleaseAge:", "minimumReleasesAge:"),
    "a pattern that finds no version": ("(?<currentValue>\\\\S+)", "\\\\S+"),
    "an option of an older version": ("managerFilePatterns: ['/^tools", "fileMatch: ['/^tools"),
    "a schedule that is none": ("before 6am on monday", "when it suits"),
}


@pytest.fixture(scope="module")
def found(tmp_path_factory: pytest.TempPathFactory) -> Report:
    """What is found in this repository, as it stands in the work tree."""
    return dry_run(copy(tmp_path_factory.mktemp("renovate") / "clone"), "extract")


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    """A repository with the configuration, and what its own patterns read, of one program."""
    folder = tmp_path / "clone"
    (folder / "tools").mkdir(parents=True)
    (folder / "renovate.json5").write_text(CONFIG, encoding="utf-8")
    (folder / "make").mkdir()
    (folder / "make/scan.mk").write_text("KUBESCAPE_RULES := v2.0.38\n", encoding="utf-8")
    git(folder, "init", "--quiet", "--initial-branch", "main")
    return folder


@pytest.fixture
def github() -> GitHub:
    """Releases of K3d, and of Kubescape's rules with the one that is another each week."""
    k3d = {
        tag: {name: f"{name} of {tag}".encode() * 1000 for name in PROGRAM_FILES}
        for tag in ("v5.9.0", "v5.10.0", "v6.0.0-rc.1")
    }
    rules: dict[str, dict[str, bytes]] = {"v2.0.38": {}, "v2.0.39": {}, "v2": {}, "v3": {}}
    return GitHub({"k3d-io/k3d": k3d, "kubescape/regolibrary": rules})


def written(folder: Path, github: GitHub, edit: Callable[[str], str] = str) -> None:
    """Write the download of the K3d that this GitHub has, and commit."""
    digest = github.digest("k3d-io/k3d", "v5.9.0", PROGRAM_FILES[0])
    entry = re.sub(r"[0-9a-f]{64}", digest, DOWNLOADS[DOWNLOADS.index("[k3d]") :]).split("\n\n")[0]
    (folder / "tools/downloads.toml").write_text(edit(f"{entry}\n"), encoding="utf-8")
    commit(folder)


def tracked(pattern: str) -> set[str]:
    return set(git(ROOT, "ls-files", "--cached", "--others", "--exclude-standard", pattern).split())


def test_the_configuration_is_valid_and_as_this_version_writes_it(folder: Path) -> None:
    done = validate(folder)

    assert done.returncode == 0, done.stdout


@pytest.mark.parametrize("fault", BROKEN)
def test_a_configuration_that_is_not_is_rejected(fault: str, folder: Path) -> None:
    old, new = BROKEN[fault]
    (folder / "renovate.json5").write_text(CONFIG.replace(old, new, 1), encoding="utf-8")

    assert validate(folder).returncode != 0


def test_every_program_is_found_with_its_tag_and_its_sum(found: Report) -> None:
    programs = found.dependencies("regex", "tools/downloads.toml").values()

    assert found.status == 0
    assert {(each["currentValue"], each["currentDigest"]) for each in programs} == {
        (each["tag"], each["sha256"]) for each in tomllib.loads(DOWNLOADS).values()
    }
    assert found.dependencies("regex", "make/scan.mk").keys() == {"kubescape/regolibrary"}


def test_every_file_that_names_a_version_is_read(found: Report) -> None:
    assert found.packages("gomod").keys() == tracked("*go.mod")
    assert found.packages("github-actions").keys() == tracked(".github/*/*.yaml") | tracked(
        ".github/actions/*/action.yaml"
    )
    assert found.packages("dockerfile").keys() == {"Dockerfile", "tools/package/Dockerfile"}
    assert found.packages("npm") == {
        f"tools/{name}/package.json": [f"tools/{name}/package-lock.json"]
        for name in ("browser", "renovate")
    }
    sources = {name: [f"{name.removesuffix('.in')}.txt"] for name in tracked("tools/*.in")}
    packages = found.packages("pip-compile")
    assert sorted(packages.pop("pyproject.toml")) == ["requirements-dev.txt", "requirements.txt"]
    assert packages == sources


@pytest.mark.parametrize("file", sorted(tracked("tools/*/go.mod")))
def test_what_a_module_builds_is_raised_and_not_what_that_needs(found: Report, file: str) -> None:
    (tool,) = re.findall(r"^tool (\S+)$", (ROOT / file).read_text(encoding="utf-8"), re.MULTILINE)
    (module,) = found.dependencies("gomod", file).keys() - {"go"}

    assert tool.startswith(module)


def test_a_newer_release_is_found_with_the_sum_of_the_same_file(
    folder: Path, github: GitHub
) -> None:
    written(folder, github)
    with served(github):
        report = dry_run(folder, "lookup", github.address)

    assert (report.status, report.problems) == (0, [])
    (k3d,) = report.dependencies("regex", "tools/downloads.toml").values()
    assert [(each["newValue"], each["newDigest"]) for each in k3d["updates"]] == [
        ("v5.10.0", github.digest("k3d-io/k3d", "v5.10.0", PROGRAM_FILES[0]))
    ]
    (rules,) = report.dependencies("regex", "make/scan.mk").values()
    assert [each["newValue"] for each in rules["updates"]] == ["v2.0.39"]


def test_a_version_in_the_place_of_a_tag_makes_the_whole_run_fail(
    folder: Path, github: GitHub
) -> None:
    trap = "datasourceTemplate: 'github-release-attachments'"
    text = CONFIG.replace(trap, f"{trap}, extractVersionTemplate: '^v?(?<version>.+)$'")
    (folder / "renovate.json5").write_text(text, encoding="utf-8")
    written(folder, github, lambda entry: entry.replace('"v5.9.0"', '"5.9.0"'))
    with served(github):
        report = dry_run(folder, "lookup", github.address)

    assert (report.status, "lookupUpdates error" in report.problems) == (1, True)
    assert github.asked == ["/api/v3/repos/k3d-io/k3d/releases/tags/5.9.0"]
