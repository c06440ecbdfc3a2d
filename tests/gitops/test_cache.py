"""What earlier runs have found is used as long as nothing that it was found in has changed."""

from __future__ import annotations

import os
import shutil
import tempfile
from collections.abc import Callable
from pathlib import Path

import pytest

from gitops import kubeconform, programs
from gitops.cache import Cache
from gitops.checks import schema
from gitops.checks.context import Context
from gitops.checks.run import run
from gitops.config import Config
from gitops.jobs import Answer, Job
from gitops.kubeconform import Verdict
from gitops.render import Renderer
from gitops.repository import Repository

SHOP = "apiVersion: v1\nkind: Service\nmetadata: {name: shop}\nspec: {type: NodePort}\n"
FILES = {
    "base/kustomization.yaml": "resources: [shop.yaml]\n",
    "base/shop.yaml": SHOP,
    "prod/kustomization.yaml": """\
resources: [../base]
patches: [{path: patch.yaml}]
configMapGenerator:
  - {name: settings, files: [a.txt], envs: [b.env]}
""",
    "prod/patch.yaml": SHOP,
    "prod/a.txt": "a\n",
    "prod/b.env": "B=1\n",
}
Rendered = Callable[..., list[Answer]]


@pytest.fixture
def root(tmp_path: Path) -> Path:
    root = tmp_path / "repository"
    for name, text in FILES.items():
        (root / name).parent.mkdir(parents=True, exist_ok=True)
        (root / name).write_text(text)
    return root


@pytest.fixture
def started(monkeypatch: pytest.MonkeyPatch) -> list[int]:
    """Count the renderings that are not those of an earlier run."""
    counted: list[int] = []
    whole = Renderer._render

    def render(self: Renderer, jobs: list[Job]) -> list[Answer]:
        counted.append(len(jobs))
        return whole(self, jobs)

    monkeypatch.setattr(Renderer, "_render", render)
    return counted


def rendered(root: Path, *jobs: Job) -> list[Answer]:
    """Render in a run of its own, as the one before left the cache."""
    with Renderer(Cache.of(root)) as renderer:
        return renderer.render(jobs or [Job(root / "prod")])


def fresh(root: Path) -> list[Answer]:
    with Renderer() as renderer:
        return renderer.render([Job(root / "prod")])


def test_the_second_run_renders_nothing_and_has_the_same_answers(
    root: Path, started: list[int]
) -> None:
    jobs = Job(root / "prod"), Job(root / "prod", {root / "prod/b.env": "B=2\n"}, digest=True)
    first = rendered(root, *jobs)
    assert rendered(root, *jobs) == first == [*fresh(root), first[1]]
    assert sum(started) == len([*jobs, "the fresh one"])
    assert not (root / ".cache/gitops/.gitignore").read_text().strip("*\n")


def test_nothing_that_was_edited_is_answered_from_before(root: Path) -> None:
    edits = {
        "base/kustomization.yaml": "resources: [shop.yaml]\nnamePrefix: a-\n",
        "base/shop.yaml": FILES["base/shop.yaml"] + "status: {}\n",
        "prod/kustomization.yaml": FILES["prod/kustomization.yaml"] + "namespace: b\n",
        "prod/patch.yaml": FILES["prod/patch.yaml"].replace("NodePort", "ClusterIP"),
        "prod/a.txt": "b\n",
        "prod/b.env": "B=2\n",
    }
    assert edits.keys() == FILES.keys()
    before = rendered(root)
    for name, text in edits.items():
        file = root / name
        old = file.stat()
        file.write_text(text)
        os.utime(file, ns=(old.st_atime_ns, old.st_mtime_ns))  # by content, and not by its time
        after = rendered(root)
        assert after != before, name
        assert after == fresh(root), name
        file.write_text(FILES[name])
        assert rendered(root) == before, name


def test_a_file_that_was_not_there_or_is_gone_is_seen(root: Path) -> None:
    before = rendered(root)
    # The first of the names of a kustomization that is found is taken.
    (root / "base/kustomization.yml").write_text("resources: []\n")
    assert rendered(root)[0].error == fresh(root)[0].error
    (root / "base/kustomization.yml").unlink()
    (root / "prod/a.txt").unlink()
    assert "a.txt" in rendered(root)[0].error
    (root / "prod/a.txt").write_text(FILES["prod/a.txt"])
    assert rendered(root) == before


def test_a_link_that_leads_elsewhere_is_seen(root: Path) -> None:
    shutil.copytree(root / "base", root / "other")
    (root / "other/shop.yaml").write_text(FILES["base/shop.yaml"].replace("NodePort", "ClusterIP"))
    shutil.move(root / "base", root / "first")
    (root / "base").symlink_to(root / "first")
    (root / "prod/patch.yaml").write_text(FILES["prod/patch.yaml"].partition("spec")[0])
    before = rendered(root)
    (root / "base").unlink()
    (root / "base").symlink_to(root / "other")
    assert rendered(root) == fresh(root) != before


def test_nothing_is_kept_with_the_network(root: Path, started: list[int]) -> None:
    for network in (True, True):
        with Renderer(Cache.of(root), network=network) as renderer:
            assert renderer.render([Job(root / "prod")]) == rendered(root)
    assert started == [1, 1, 1]


def test_another_renderer_renders_again(
    root: Path, tmp_path: Path, started: list[int], monkeypatch: pytest.MonkeyPatch
) -> None:
    before = rendered(root)
    other = tmp_path / "renderer"
    other.write_bytes(Path(programs.find("renderer")).read_bytes() + b"\0")
    other.chmod(0o755)
    monkeypatch.setattr(programs, "BUILT", tmp_path)
    assert rendered(root) == before
    assert started == [1, 1]


@pytest.mark.parametrize("text", ["", "{}", "[[", "\0", "[]\na\tb", '[{"f": 1}]\nx\t0\ty\t{}'])
def test_an_entry_that_cannot_be_read_is_none(root: Path, text: str) -> None:
    before = rendered(root)
    for entry in (root / ".cache/gitops").iterdir():
        entry.write_text(text)
    assert rendered(root) == before


def test_a_cache_that_cannot_be_written_is_none(root: Path) -> None:
    (root / ".cache").write_text("a file")
    assert rendered(root) == rendered(root) == fresh(root)


def test_a_cache_that_can_only_be_read_is_one(
    root: Path, started: list[int], monkeypatch: pytest.MonkeyPatch
) -> None:
    def refused(*_: object, **__: object) -> None:
        raise OSError("read-only file system")

    before = rendered(root)
    monkeypatch.setattr(os, "utime", refused)
    monkeypatch.setattr(tempfile, "mkstemp", refused)
    assert rendered(root) == before
    assert rendered(root, Job(root / "base"))[0].objects
    assert started == [1, 1]


def test_the_entries_that_were_used_last_are_left(tmp_path: Path) -> None:
    cache = Cache(tmp_path / "cache")
    names = [f"schema-{letter * 64}" for letter in "abc"]
    for number, name in enumerate(names):
        cache.put(name, "x" * 100)
        os.utime(cache.folder / name, (number, number))
    (cache.folder / "notes.txt").write_text("x" * 100)
    assert cache.get(names[0])
    cache.prune(250)
    assert [cache.get(name) is not None for name in names] == [True, False, True]
    assert {each.name for each in cache.folder.iterdir()} >= {".gitignore", "notes.txt"}


def test_a_write_that_fails_leaves_nothing_behind(tmp_path: Path) -> None:
    cache = Cache(tmp_path / "cache")
    cache.put("schema-", "\udc80")
    assert [each.name for each in cache.folder.iterdir()] == [".gitignore"]


def test_a_folder_that_a_repository_brings_is_not_used(root: Path, tmp_path: Path) -> None:
    rendered(root)
    for argv in (["init", "-q"], ["add", "-f", ".cache"]):
        assert not programs.run(["git", *argv], cwd=root).returncode
    assert Cache.of(root) is None
    shutil.move(root / ".cache", tmp_path / "elsewhere")
    assert Cache.of(root) == Cache(root / ".cache/gitops")
    (root / ".cache").symlink_to(tmp_path / "elsewhere")
    assert Cache.of(root) is None


def test_what_is_not_asked_again_is_forgotten(root: Path) -> None:
    for number in range(9):
        (root / "base/shop.yaml").write_text(SHOP)
        rendered(root, Job(root / "prod", {root / "base/shop.yaml": f"{SHOP}# {number}\n"}))
    (entry,) = (root / ".cache/gitops").glob("rendered-*")
    assert len(entry.read_text().splitlines()) == len(["what was seen", "the last rendering"])


def test_a_copy_of_another_revision_is_not_kept(root: Path, tmp_path: Path) -> None:
    shutil.copytree(root, tmp_path / "copy")
    rendered(root, Job(tmp_path / "copy/prod"))
    assert not (root / ".cache").exists()


def test_a_schema_that_was_edited_judges_again(
    root: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    calls: list[str] = []
    validate = kubeconform.validate

    def counted(files: list[Path], version: str, locations: list[str]) -> list[Verdict]:
        calls.append(version)
        return validate(files, version, locations)

    monkeypatch.setattr(kubeconform, "validate", counted)
    schemas = tmp_path / "schemas"
    schemas.mkdir()
    for kind in ("service", "configmap"):
        (schemas / f"{kind}-v1.json").write_text("{}")
    location = f"{schemas}/{{{{.ResourceKind}}}}{{{{.KindSuffix}}}}.json"

    def messages() -> list[str]:
        cache = Cache.of(root)
        with Renderer(cache) as renderer:
            repository = Repository.read(root)
            config = Config.read(repository.root)
            context = Context(repository, config, renderer, None, (location,), ("1.37.0",))
            context.cache = cache
            found = [each.message for each in schema.check(context)]
            assert not context.failures
            return found

    assert messages() == messages() == []
    assert len(calls) == 1
    (schemas / "service-v1.json").write_text('{"required": ["other"]}')
    assert "Service shop" in messages()[0]
    assert messages() == messages()
    assert len(calls) == 2


def test_what_gitops_yaml_accepts_is_asked_each_time(root: Path) -> None:
    def found() -> list[str]:
        cache = Cache.of(root)
        with Renderer(cache) as renderer:
            repository = Repository.read(root)
            context = Context(repository, Config.read(repository.root), renderer)
            return [each.message for each in run(context, ["inert"])]

    before = found()
    assert before == found()
    assert "changes nothing" in before[0]
    accepted = "accepted:\n  - {rule: inert, what: changes nothing, reason: A test.}\n"
    (root / "gitops.yaml").write_text(accepted)
    assert found() == []
