"""What Argo CD and Flux add to a kustomization, and which repository they mean."""

from __future__ import annotations

import subprocess
from pathlib import Path
from typing import Any

import pytest
import yaml

from gitops import nodes, remotes
from gitops.aside import prepared
from gitops.config import Config
from gitops.deliveries.application_sets import Generators
from gitops.deliveries.argo_cd import settings
from gitops.deliveries.folders import Selection
from gitops.deliveries.found import Deliveries
from gitops.deliveries.merging import merged
from gitops.deliveries.results import DISABLED, Result, applied
from gitops.diff.run import compared
from gitops.repository import Repository
from gitops.revision import Clone
from gitops.since import Change
from tests.gitops.test_cases import written
from tests.gitops.test_options import POD

HOME = "https://github.com/Acme/shop"
DIGEST = "sha256:" + "1" * 64


@pytest.mark.parametrize(
    "url",
    [
        HOME,
        f"{HOME}.git",
        f"{HOME}/",
        "git@github.com:acme/shop.git",
        "ssh://git@github.com:22/acme/shop",
        "https://token@github.com/acme/shop",
        "http://gitea.git.svc:3000/acme/shop.git",  # the same by another host
    ],
)
def test_a_repository_is_the_same_however_its_url_is_spelled(url: str) -> None:
    assert remotes.own([url, "https://github.com/acme/other"], [f"{HOME}.git"], no) == {url}


@pytest.mark.parametrize(
    ("urls", "of_remotes", "own"),
    [
        # Another remote than the first; a stranger has the same folders.
        ([HOME, "https://github.com/acme/base"], ["/srv/shop", "git@github.com:acme/shop"], {HOME}),
        # A fork, and a stranger that has the name of the fork beside the repository itself.
        ([HOME, "https://github.com/acme/base"], ["git@github.com:me/shop.git"], {HOME}),
        ([HOME, "https://github.com/me/shop"], [HOME], {HOME}),
        # Nothing is known: what is here is.
        ([HOME], [], set()),
        (["https://github.com/acme/base"], [], {"https://github.com/acme/base"}),
        (["https://github.com/acme/base"], ["/srv/mirror"], {"https://github.com/acme/base"}),
        (
            ["https://dev.azure.com/acme/project/_git/shop"],
            ["git@ssh.dev.azure.com:v3/acme/project/shop"],
            {"https://dev.azure.com/acme/project/_git/shop"},
        ),
    ],
)
def test_a_stranger_is_told_from_this_repository(
    urls: list[str], of_remotes: list[str], own: set[str]
) -> None:
    assert remotes.own(urls, of_remotes, lambda url: url.endswith("/base")) == own


def no(_url: str) -> bool:
    return False


def test_a_path_of_a_stranger_is_none_of_this_repository(tmp_path: Path) -> None:
    subprocess.run(["git", "init", "-q", tmp_path], check=True)
    for name, url in (("origin", "/srv/shop.git"), ("upstream", "git@github.com:acme/shop.git")):
        subprocess.run(["git", "-C", tmp_path, "remote", "add", name, url], check=True)
    written(tmp_path, {f"{name}/kustomization.yaml": "resources: []\n" for name in ("a", "b")})
    written(tmp_path, {"argocd/a.yaml": application("a", HOME)})
    written(tmp_path, {"argocd/b.yaml": application("b", "https://github.com/acme/base")})
    found = Deliveries(tmp_path, tmp_path, Clone(tmp_path).remotes())
    assert found.folders == {tmp_path / "a"}


def test_without_git_no_remote_is_known(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    written(tmp_path, {"a/kustomization.yaml": "resources: []\n", "a.yaml": application("a")})
    monkeypatch.setenv("PATH", str(tmp_path))
    assert Clone(tmp_path).remotes() == []
    assert Repository.read(tmp_path).deliveries.folders == {tmp_path / "a"}


def application(path: str, url: str = HOME, kustomize: str = "{}", namespace: str = "x") -> str:
    return (
        "apiVersion: argoproj.io/v1alpha1\nkind: Application\nmetadata: {name: shop}\n"
        f"spec:\n  destination: {{namespace: {namespace}}}\n"
        f"  source: {{repoURL: '{url}', path: {path}, kustomize: {kustomize}}}\n"
    )


@pytest.mark.parametrize(
    ("own", "given", "expected"),
    [
        ("namePrefix: a-", "namePrefix: b-", {"namePrefix": "b-"}),
        ("{}", "namespace: b", {"namespace": "b"}),
        # Argo CD's own settings, which no kustomization has.
        ("{}", "{version: v5.8.1, forceCommonLabels: true, namePrefix: ''}", {}),
        (
            "images: [{name: a, newName: r/a, newTag: '1'}, {name: b, newTag: '1'}]",
            f"images: ['a:2', 'c=r/c:1@{DIGEST}', 'd']",
            {
                "images": [
                    {"name": "a", "newTag": "2"},
                    {"name": "b", "newTag": "1"},
                    {"name": "c", "newName": "r/c", "newTag": "1", "digest": DIGEST},
                ]
            },
        ),
        (
            "images: [{name: a, newName: r/a, newTag: '1'}]",
            "images: ['a=*:2', 'b=*:3']",
            {
                "images": [
                    {"name": "a", "newName": "r/a", "newTag": "2"},
                    {"name": "b", "newTag": "3"},
                ]
            },
        ),
        (
            "replicas: [{name: a, count: 1}, {name: b, count: 1}]",
            "replicas: [{name: a, count: 2}]",
            {"replicas": [{"name": "b", "count": 1}, {"name": "a", "count": 2}]},
        ),
        (
            "{commonLabels: {a: '1'}, commonAnnotations: {a: '1'}}",
            "{commonLabels: {b: '1'}, commonAnnotations: {b: '1'}, forceCommonLabels: true}",
            {
                "commonLabels": {"a": "1", "b": "1"},
                "commonAnnotations": {"a": "1", "b": "1"},
            },
        ),
        (
            "labels: [{pairs: {a: '1'}}]",
            "{commonLabels: {b: '1'}, labelWithoutSelector: true, labelIncludeTemplates: true}",
            {"labels": [{"pairs": {"a": "1"}}, {"pairs": {"b": "1"}, "includeTemplates": True}]},
        ),
        (
            "{patches: [{path: a.yaml}], components: [../a]}",
            "{patches: [{path: b.yaml}], components: [../b]}",
            {
                "patches": [{"path": "a.yaml"}, {"path": "b.yaml"}],
                "components": ["../a", "../b"],
            },
        ),
        # What something fills in is not known.
        ("{}", "{components: [../b], ignoreMissingComponents: true}", {}),
        ("{}", "{namePrefix: '{{name}}-', images: ['a:$ARGOCD_APP_REVISION', 'b:1']}",
         {"images": [{"name": "b", "newTag": "1"}]}),
    ],
)  # fmt: skip
def test_an_application_adds_what_kustomize_edit_would(
    own: str, given: str, expected: dict[str, Any]
) -> None:
    top, its = nodes.compose(own, "")[0], nodes.compose(given, "")[0]
    added = yaml.MappingNode("tag:yaml.org,2002:map", [*settings(its)])
    assert isinstance(top, yaml.MappingNode)
    assert nodes.plain(merged(top, added, replaces_images=True)) == expected


def test_flux_merges_the_fields_of_an_image_and_drops_the_digest_of_another_tag() -> None:
    own = f"images: [{{name: a, newName: r/a, newTag: '1', digest: '{DIGEST}'}}]"
    top, its = (nodes.compose(text, "")[0] for text in (own, "images: [{name: a, newTag: '2'}]"))
    assert isinstance(top, yaml.MappingNode)
    assert isinstance(its, yaml.MappingNode)
    both = nodes.plain(merged(top, its, replaces_images=False))
    assert both == {"images": [{"name": "a", "newName": "r/a", "newTag": "2"}]}


OBJECT = {"kind": "ConfigMap", "metadata": {"name": "${A}-x"}, "data": {"n": "${N}", "b": "${B}"}}


@pytest.mark.parametrize(
    ("data", "result", "expected"),
    [
        (
            {"kind": "Service", "metadata": {"name": "a"}},
            Result(namespace="shop"),
            {"kind": "Service", "metadata": {"name": "a", "namespace": "shop"}},
        ),
        *(
            (thing, Result(namespace="shop"), thing)
            for thing in (
                {"kind": "Service", "metadata": {"name": "a", "namespace": "own"}},
                {"kind": "ClusterRole", "metadata": {"name": "a"}},
            )
        ),
        (
            OBJECT,
            Result(variables={"A": "a", "N": "80"}),
            {"kind": "ConfigMap", "metadata": {"name": "a-x"}, "data": {"n": 80, "b": "${B}"}},
        ),
        (
            {"a": ["${A:=b}", "${A:-b} $${A} ${#A}", "$A"]},
            Result(variables={"A": "a"}),
            {"a": ["a", "a $${A} ${#A}", "$A"]},
        ),
        *(
            (thing, Result(variables={"A": "a"}), thing)
            for thing in (
                {"metadata": {"name": "${A}", key: {DISABLED: "disabled"}}}
                for key in ("labels", "annotations")
            )
        ),
        (
            {"metadata": {"name": "a", "labels": {"x": "1"}}},
            Result(labels={"x": "2", "y": "1"}, annotations={"z": "1"}),
            {"metadata": {"name": "a", "labels": {"x": "2", "y": "1"}, "annotations": {"z": "1"}}},
        ),
    ],
)  # fmt: skip
def test_objects_are_changed_after_the_build(
    data: dict[str, Any], result: Result, expected: dict[str, Any]
) -> None:
    assert applied(data, result) == expected


@pytest.mark.parametrize(
    ("generators", "path", "expected"),
    [
        ("[{list: {elements: [{env: a}, {env: b}]}}]", "apps/{{env}}", ["apps/a", "apps/b"]),
        ("[{list: {elements: [{at: {env: a}}]}}]", "apps/{{ .at.env }}", ["apps/a"]),
        ("[{git: {repoURL: here, directories: [{path: apps/*}]}}]", "{{path}}",
         ["apps/a", "apps/b"]),
        ("[{git: {repoURL: here, directories: [{path: 'apps/*'}, {path: apps/b, exclude: true}]}}]",
         "apps/{{path.basename}}", ["apps/a"]),
        ("[{git: {repoURL: here, directories: [{path: apps/a}], pathParamPrefix: app}}]",
         "{{.app.path.path}}", ["apps/a"]),
        ("[{git: {repoURL: here, directories: [{path: apps/a}]}}]", "x/{{path[1]}}", ["x/a"]),
        ("[{git: {repoURL: here, directories: [{path: apps/a}], values: {to: '{{path}}/x'}}}]",
         "{{values.to}}", ["apps/a/x"]),
        ("[{git: {repoURL: here, files: [{path: '**/config.json'}]}}]", "{{at.path}}/{{n}}",
         ["apps/b/1"]),
        ("[{git: {repoURL: here, files: [{path: apps/*/config.json}]}}]",
         "{{.path.path}}/{{.path.filename}}", ["apps/b/config.json"]),
        ("[{matrix: {generators: [{list: {elements: [{env: a}, {env: b}]}}, {clusters: {}}]}}]",
         "apps/{{env}}", ["apps/a", "apps/b"]),
        ("[{matrix: {generators: [{list: {elements: [{env: b}]}},"
         " {git: {repoURL: here, files: [{path: 'apps/{{env}}/*.json'}]}}]}}]",
         "{{path}}/{{env}}", ["apps/b/b"]),
        ("[{merge: {mergeKeys: [env], generators: [{list: {elements: [{env: a, n: x}, {env: b, n:"
         " y}]}}, {list: {elements: [{env: b, n: z}]}}]}}]", "{{n}}", ["x", "z"]),
        # What no file tells stays a template.
        ("[{clusters: {}}]", "apps/{{name}}", ["apps/{{name}}"]),
        ("[{git: {repoURL: elsewhere, directories: [{path: '*'}]}}]", "{{path}}", ["{{path}}"]),
        ("[{list: {elements: [{env: A}]}}]", "{{ .env | lower }}", ["{{ .env | lower }}"]),
    ],
)  # fmt: skip
def test_an_application_set_makes_applications(
    generators: str, path: str, expected: list[str], tmp_path: Path
) -> None:
    config = '{"n": 1, "at": {"path": "apps/b"}}'
    written(tmp_path, {"apps/a/x": "", "apps/b/config.json": config, "apps/file": ""})
    text = (
        f"spec:\n  generators: {generators}\n  template: {{spec: {{source: {{path: '{path}'}}}}}}"
    )
    found = Generators(tmp_path, "here".__eq__).applications(nodes.compose(text, "")[0])
    paths = [nodes.text(nodes.get(each, "spec", "source", "path")) for each in found]
    assert paths == expected


@pytest.mark.parametrize(
    ("directory", "expected"),
    [
        ("{}", ["a.yaml", "b.json"]),
        ("{recurse: true}", ["a.yaml", "b.json", "c/d.yml"]),
        ("{recurse: true, include: '*.y*ml'}", ["a.yaml", "c/d.yml"]),
        ("{recurse: true, include: '{a,c/*}.{yaml,yml}'}", ["a.yaml", "c/d.yml"]),
        ("{recurse: true, exclude: 'c/*'}", ["a.yaml", "b.json"]),
    ],
)
def test_the_files_of_a_folder_are_those_that_an_application_takes(
    directory: str, expected: list[str], tmp_path: Path
) -> None:
    names = ("a.yaml", "b.json", "c/d.yml", "c/.hidden/e.yaml", "README.md")
    written(tmp_path, dict.fromkeys(names, POD))
    written(tmp_path, {"values.yaml": "a: b\n", "job.yaml": "apiVersion: v1\nkind: Pod\n"})
    selection = Selection.of(nodes.compose(directory, "")[0])
    assert selection.files(tmp_path, set()) == expected


def test_what_is_delivered_plainly_is_rendered_once_and_as_it_is(tmp_path: Path) -> None:
    written(tmp_path, {"prod/kustomization.yaml": "resources: []\n"})
    written(tmp_path, {f"argocd/{n}.yaml": application("prod", namespace="''") for n in range(3)})
    repository = prepared(tmp_path, Config.read(tmp_path))
    assert [each.name for each in repository.overlays] == ["prod"]
    assert repository.overlays[0].files == {}
    assert repository.overlays[0].top is repository.kustomizations[tmp_path / "prod"]


@pytest.mark.parametrize(
    ("namespaces", "expected"), [(["shop", "''"], "shop"), (["shop", "pay"], ""), (["''"], "")]
)
def test_deliveries_that_build_the_same_are_rendered_once(
    namespaces: list[str], expected: str, tmp_path: Path
) -> None:
    written(tmp_path, {"prod/kustomization.yaml": "resources: []\n"})
    for name in namespaces:
        written(tmp_path, {f"argocd/{len(name)}.yaml": application("prod", namespace=name)})
    (overlay,) = prepared(tmp_path, Config.read(tmp_path)).overlays
    service = {"kind": "Service", "metadata": {"name": "a"}}
    (found,) = overlay.top.delivered([service])
    assert overlay.name == "prod"
    assert found["metadata"].get("namespace", "") == expected


def test_a_difference_in_an_application_is_one_in_what_is_delivered(tmp_path: Path) -> None:
    written(tmp_path, {"k8s/prod/kustomization.yaml": "resources: [pod.yaml]\n"})
    written(tmp_path, {"k8s/prod/pod.yaml": POD})
    written(tmp_path, {"k8s/shop.yaml": application("k8s/prod")})
    git = ["git", "-C", str(tmp_path), "-c", "user.name=a", "-c", "user.email=a@example.com"]
    for argv in (["init", "-q"], ["add", "."], ["commit", "-q", "-m", "a"]):
        subprocess.run([*git, *argv], check=True)
    written(tmp_path, {"k8s/shop.yaml": application("k8s/prod", kustomize="{images: ['a:2']}")})
    repository = prepared(tmp_path / "k8s", Config.read(tmp_path / "k8s"))
    (found,) = compared(repository, Clone.of(tmp_path), "HEAD")
    changes = [change for thing in found.objects for change in thing.changes]
    assert found.name == "prod"
    assert [(change.old, change.new) for change in changes] == [("a:1", "a:2")]


def test_the_commands_that_write_see_what_is_in_the_folders(tmp_path: Path) -> None:
    written(tmp_path, {"prod/kustomization.yaml": "resources: []\n"})
    written(tmp_path, {"shop.yaml": application("prod", kustomize="{namePrefix: a-}")})
    assert [each.files for each in Repository.open(tmp_path).overlays] == [{}]


def test_a_change_of_an_application_reaches_what_it_applies(tmp_path: Path) -> None:
    written(tmp_path, {f"{name}/kustomization.yaml": "resources: []\n" for name in ("a", "b")})
    written(tmp_path, {"argocd/a.yaml": application("a"), "argocd/b.yaml": application("b")})
    config = Config.read(tmp_path)
    repository = prepared(tmp_path, config)
    change = Change(repository, "main", frozenset({tmp_path / "argocd/b.yaml"}), config.file)
    assert [each.name for each in repository.overlays if change.reaches(each)] == ["b"]
