"""The renderer is kustomize: the same bytes, the same refusals, with files replaced or not."""

from __future__ import annotations

import json
import subprocess
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest

from gitops import nodes, programs
from gitops.jobs import Job
from gitops.kustomization import NAMES
from gitops.render import Renderer
from gitops.repository import Repository
from tests.gitops.conftest import FIXTURES
from tools.command import ROOT

KUSTOMIZE = ROOT / ".tools" / "kustomize"
REPOSITORIES = [ROOT / "k8s", *(FIXTURES / name for name in ("layered", "variants", "clusters"))]
OVERLAYS = [each.folder for root in REPOSITORIES for each in Repository.open(root).overlays]


def build(folder: Path) -> subprocess.CompletedProcess[str]:
    return subprocess.run([KUSTOMIZE, "build", folder], capture_output=True, text=True, check=False)


def test_the_renderer_renders_the_bytes_of_the_pinned_kustomize(renderer: Renderer) -> None:
    answers = renderer.render(Job(folder, yaml=True) for folder in OVERLAYS)
    assert len(answers) == 11
    for folder, answer in zip(OVERLAYS, answers, strict=True):
        assert answer.yaml == build(folder).stdout
        assert answer.objects
        assert not answer.error


@pytest.mark.parametrize(
    "value",
    [
        "{a: {b: {c: {d: 1}}}, e: [{f: 1}]}",
        "{a: &it {b: [1]}, c: *it, d: {<<: *it, b: [2]}}",
        "{a: &it {b: {c: 1}}, d: {<<: [*it, {e: 2}], f: {<<: *it}}}",
        "{a: 1, a: 2}",
        "{null: 1}",
        "{<<: 1}",
    ],
)
def test_anchors_are_resolved_as_the_pinned_kustomize_does(
    renderer: Renderer, tmp_path: Path, value: str
) -> None:
    """The library that resolves them is patched."""
    (tmp_path / "kustomization.yaml").write_text("resources: [object.yaml]\n")
    head = "apiVersion: example.com/v1\nkind: Thing\nmetadata: {name: thing}\nvalue: "
    (tmp_path / "object.yaml").write_text(f"{head}{value}\n")
    (answer,) = renderer.render([Job(tmp_path, yaml=True)])
    bare = build(tmp_path)
    assert answer.yaml == bare.stdout
    assert bool(answer.error) == bool(bare.returncode)
    assert answer.error in bare.stderr


def test_what_kustomize_refuses_the_renderer_refuses(renderer: Renderer, tmp_path: Path) -> None:
    (tmp_path / "kustomization.yaml").write_text("resources: [absent.yaml]\n")
    (answer,) = renderer.render([Job(tmp_path)])
    assert "absent.yaml" in answer.error
    assert build(tmp_path).returncode


def test_a_file_can_be_replaced_without_being_written(renderer: Renderer) -> None:
    folder = FIXTURES / "layered" / "overlays" / "dev"
    file = folder / "kustomization.yaml"
    text = file.read_text().replace("DEBUG=yes", "DEBUG=no")
    before, after, again = renderer.render(
        [Job(folder, yaml=True), Job(folder, {file: text}, yaml=True), Job(folder, yaml=True)]
    )
    assert 'DEBUG: "yes"' in before.yaml
    assert 'DEBUG: "no"' in after.yaml
    assert before == again


def test_two_digests_are_the_same_if_the_renderings_are(renderer: Renderer) -> None:
    answers = renderer.render(Job(folder, digest=True) for folder in OVERLAYS * 2)
    digests = [each.digest for each in answers]
    assert digests[: len(OVERLAYS)] == digests[len(OVERLAYS) :]
    assert len(set(digests)) == len(
        {each.yaml for each in renderer.render(Job(it, yaml=True) for it in OVERLAYS)}
    )
    assert not any(each.yaml for each in answers)


def test_a_digest_tells_values_apart_and_not_the_ways_to_write_them(
    renderer: Renderer, tmp_path: Path
) -> None:
    values = [
        *("1", "'1'", "1.0", "0x1", "true", "'true'", "null", "~", "''", "{}", "[]", "[1]", "[2]"),
        *("{a: 2, b: 1}", "{b: 1, a: 2}", "{a: 1, b: 2}", "{1: x}", "{'1': x}", "{a: 1, a: 2}"),
        *("&it {a: 2, b: 1}", "{a: &it [1], b: *it}", "{a: [1], b: [1]}", "{<<: {a: 2}, b: 1}"),
        *("text", "'text'", "|-\n  text", "|\n  text", "2026-11-29", "'2026-11-29'", "!its text"),
        *("a b", ">-\n  a\n  b", "!!binary YQ==", "a", ".inf", "12345678901234567890"),
    ]
    file = tmp_path / "object.yaml"
    file.with_name("kustomization.yaml").write_text("resources: [object.yaml]\n")
    head = "apiVersion: example.com/v1\nkind: Thing\nmetadata: {name: thing}\nvalue: "
    every = [{file: f"{head}{value}\n"} for value in values]
    answers = renderer.render(Job(tmp_path, files) for files in every)
    alone = renderer.render(Job(tmp_path, files, digest=True) for files in every)
    assert [it.digest or it.error for it in alone] == [it.digest or it.error for it in answers]
    by_content = {json.dumps(it.objects, sort_keys=True): it.digest for it in answers if it.digest}
    assert all(
        by_content[json.dumps(it.objects, sort_keys=True)] == it.digest
        for it in answers
        if it.digest
    )
    assert len({*by_content.values()}) == len(by_content) > 20


def test_a_schema_of_one_kustomization_is_not_used_for_the_next(
    renderer: Renderer, tmp_path: Path
) -> None:
    own = tmp_path / "own"
    own.mkdir()
    (own / "kustomization.yaml").write_text("openapi: {path: schema.json}\nnamePrefix: own-\n")
    (own / "schema.json").write_text('{"definitions": {}}')
    folders = [*OVERLAYS, own, *OVERLAYS]
    answers = renderer.render(Job(folder, digest=True) for folder in folders)
    assert [e.digest for e in answers[: len(OVERLAYS)]] == [
        e.digest for e in answers[-len(OVERLAYS) :]
    ]


@pytest.mark.parametrize("root", REPOSITORIES, ids=lambda path: path.name)
def test_a_file_read_and_written_again_renders_to_the_same(root: Path, renderer: Renderer) -> None:
    """An override is taken away by writing the rest of its file again."""
    repository = Repository.open(root)
    for overlay in repository.overlays:
        files = {
            file: nodes.write(repository.documents(file))
            for each in overlay.tree
            for file in each.folder.glob("*.yaml")
            if file.name in NAMES or file in set(each.included()) or "sizes" in file.name
        }
        before, after = renderer.render(
            [Job(overlay.folder, yaml=True), Job(overlay.folder, files, yaml=True)]
        )
        assert len(files) >= 2
        assert before == after


def test_a_renderer_that_is_not_there_is_told_with_how_to_get_it(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(programs, "BUILT", tmp_path)
    monkeypatch.setenv("PATH", str(tmp_path))
    with Renderer() as nothing, pytest.raises(Exception, match=r"make \.tools/renderer"):
        nothing.render([Job(tmp_path)])


def test_objects_that_are_equal_are_one(renderer: Renderer, tmp_path: Path) -> None:
    for name in ("one", "two"):
        (tmp_path / name).mkdir()
        shared = f"{{apiVersion: v1, kind: ConfigMap, metadata: {{name: {tmp_path.name}}}}}\n"
        own = f"{{apiVersion: v1, kind: ConfigMap, metadata: {{name: {name}}}}}\n"
        (tmp_path / name / "kustomization.yaml").write_text("resources: [a.yaml, b.yaml]\n")
        (tmp_path / name / "a.yaml").write_text(shared)
        (tmp_path / name / "b.yaml").write_text(own)
    one, two = renderer.render(Job(tmp_path / name) for name in ("one", "two"))
    same = [each for each in one.objects if any(each is other for other in two.objects)]
    assert [each["metadata"]["name"] for each in same] == [tmp_path.name]
    assert {each["metadata"]["name"] for each in two.objects} == {tmp_path.name, "two"}
    assert renderer.render([Job(tmp_path / "one")]) == [one]


def test_two_threads_get_their_own_answers(renderer: Renderer) -> None:
    jobs = [Job(folder) for folder in OVERLAYS]
    wanted = renderer.render(jobs)
    with ThreadPoolExecutor() as pool:
        found = [*pool.map(lambda _: renderer.render(jobs), range(6))]
    assert found == [wanted] * 6
