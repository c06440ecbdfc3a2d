"""What is certain without rendering is so with it: taken away, each such override is missed."""

from __future__ import annotations

from pathlib import Path

import pytest

from gitops.checks import inert
from gitops.checks.context import Context
from gitops.checks.tries import Question, Tries
from gitops.config import Config
from gitops.overrides import Override
from gitops.render import Renderer
from gitops.repository import Repository
from tests.gitops.conftest import FIXTURES
from tests.gitops.test_cases import cases, written
from tools.command import ROOT

BASE = {
    "base/kustomization.yaml": """\
resources: [shop.yaml]
configMapGenerator: [{name: settings, literals: ["A='x'", B=1]}]
""",
    "base/shop.yaml": """\
apiVersion: apps/v1
kind: Deployment
metadata: {name: shop, labels: {lit: "true"}}
spec:
  replicas: 0x2
  selector: {matchLabels: {app: shop}}
  template:
    metadata: {labels: {app: shop}}
    spec:
      containers:
        - name: app
          image: registry.example.com/shop:1.0
          env: [{name: A, valueFrom: {configMapKeyRef: {name: p-settings, key: A}}}]
""",
}
# Overrides that change nothing, though no other source has their value beneath its key in the same
# words; each in an overlay of this base.
ALIKE = {
    "a literal in quotes": (
        "configMapGenerator: [{name: settings, behavior: merge, literals: [A=x]}]"
    ),
    "a number in another base": "replicas: [{name: shop, count: 2}]",
    "a tag and a name of one image": """\
images:
  - {name: registry.example.com/shop, newName: mirror.example.com/shop}
  - {name: mirror.example.com/shop, newTag: "1.0"}
""",
    "what a label is written as": "labels: [{pairs: {lit: 'true'}}]",
    "what a replacement has written": """\
replacements:
  - source: {kind: Deployment, fieldPath: metadata.labels.lit}
    targets: [{select: {kind: Deployment}, fieldPaths: [spec.template.spec.priorityClassName]}]
patches:
  - patch: '[{"op": "add", "path": "/spec/template/spec/priorityClassName", "value": "true"}]'
    target: {kind: Deployment}
""",
}

# The same with files of their own, beside this base.
BESIDE = {
    "a namespace that gets another name": {
        "prod/kustomization.yaml": """\
resources: [../base, namespace.yaml]
namespace: till
patches:
  - target: {kind: Namespace}
    patch: '[{"op": "add", "path": "/metadata/labels/a", "value": "b"}]'
""",
        "prod/namespace.yaml": """\
{apiVersion: v1, kind: Namespace, metadata: {name: shop, labels: {a: b}}}
""",
    },
    "an object that a patch renames": {
        "middle/kustomization.yaml": """\
resources: [../base]
patches:
  - target: {kind: Deployment}
    patch: '[{"op": "replace", "path": "/metadata/name", "value": "till"}]'
""",
        "prod/kustomization.yaml": """\
resources: [../middle]
patches:
  - target: {kind: Deployment}
    patch: '[{"op": "add", "path": "/spec/replicas", "value": 2}]'
""",
    },
    "an object that a replacement renames": {
        "middle/kustomization.yaml": """\
resources: [../base]
replacements:
  - sourceValue: till
    targets: [{select: {kind: Deployment}, fieldPaths: [metadata.name]}]
""",
        "prod/kustomization.yaml": """\
resources: [../middle]
patches:
  - target: {kind: Deployment}
    patch: '[{"op": "add", "path": "/spec/replicas", "value": 2}]'
""",
    },
    "numbers in other words": {
        "middle/kustomization.yaml": """\
resources: [../base]
patches:
  - target: {kind: Deployment}
    patch: |-
      - {op: add, path: /spec/a, value: 1e3}
      - {op: add, path: /spec/b, value: 2.0}
      - {op: add, path: /spec/c, value: 0o17}
      - {op: add, path: /spec/d, value: 1_000}
      - {op: add, path: /spec/e, value: yes}
""",
        "prod/kustomization.yaml": """\
resources: [../middle]
patches:
  - target: {kind: Deployment}
    patch: |-
      - {op: add, path: /spec/a, value: 1000}
      - {op: add, path: /spec/b, value: 2}
      - {op: add, path: /spec/c, value: 15}
      - {op: add, path: /spec/d, value: 1000}
      - {op: add, path: /spec/e, value: yes}
""",
    },
    "an image that replacements compose": {
        "prod/kustomization.yaml": """\
resources: [../base]
images: [{name: registry.example.com/shop, newName: mirror.example.com/shop}]
replacements:
  - sourceValue: mirror.example.com
    targets:
      - select: {kind: Deployment}
        fieldPaths: ["spec.template.spec.containers.[name=app].image"]
        options: {delimiter: /, index: 0}
""",
    },
    "an image that an expression names": {
        "middle/kustomization.yaml": """\
resources: [../base]
images: [{name: ".*/shop", newTag: "2.0"}]
""",
        "prod/kustomization.yaml": """\
resources: [../middle]
images: [{name: registry.example.com/shop, newTag: "2.0"}]
""",
    },
}


def asked(root: Path, renderer: Renderer) -> tuple[Tries, list[Question], list[Override]]:
    """Return each override that is certain in an overlay, and those that are in none."""
    repository = Repository.read(root)
    context = Context(repository, Config(root / "gitops.yaml"), renderer)
    tries = Tries(context)
    found, left = [], []
    for override, overlays in inert.collect(context, context.rendered)[0].items():
        certain = [it for it in overlays if tries.certainty.has(override, it)]
        found += [Question(override, overlay, override.taken_away) for overlay in certain]
        left += [override] * (not certain)
    return tries, found, left


def wrong(root: Path, renderer: Renderer) -> list[str]:
    tries, questions, _ = asked(root, renderer)
    assert not [it.error for it in tries.context.answers.values() if it.error]
    changed = tries.change(questions)
    return [it.override.what for it, is_so in zip(questions, changed, strict=True) if not is_so]


@pytest.mark.parametrize("root", [*FIXTURES.iterdir(), ROOT / "k8s"], ids=lambda path: path.name)
def test_no_override_of_a_repository_is_taken_for_certain_by_mistake(
    root: Path, renderer: Renderer
) -> None:
    assert wrong(root, renderer) == []


def test_no_override_that_changes_nothing_is_taken_for_certain(
    tmp_path: Path, renderer: Renderer
) -> None:
    for number, case in enumerate(cases()):
        files, _ = case.values
        if case.id.startswith("inert"):
            written(tmp_path / str(number), files)
            assert wrong(tmp_path / str(number), renderer) == [], case.id
    assert (tmp_path / str(number)).parent.is_dir()


@pytest.mark.parametrize("text", ALIKE.values(), ids=ALIKE.keys())
def test_a_value_that_is_there_in_other_words_is_not_certain(
    text: str, tmp_path: Path, renderer: Renderer
) -> None:
    written(tmp_path, {**BASE, "prod/kustomization.yaml": f"resources: [../base]\n{text}\n"})
    assert wrong(tmp_path, renderer) == []


@pytest.mark.parametrize("files", BESIDE.values(), ids=BESIDE.keys())
def test_a_value_that_has_another_source_is_not_certain(
    files: dict[str, str], tmp_path: Path, renderer: Renderer
) -> None:
    written(tmp_path, {**BASE, **files})
    assert wrong(tmp_path, renderer) == []


def test_a_value_may_be_in_a_file_that_only_kustomize_reads(
    tmp_path: Path, renderer: Renderer
) -> None:
    kustomization = "resources: [shop.yaml]\nreplicas: [{name: shop, count: 0x2}]\n"
    written(tmp_path, {**BASE, "base/kustomization.yaml": kustomization})
    (tmp_path / "base/shop.yaml").write_text(BASE["base/shop.yaml"], encoding="utf-16")
    assert wrong(tmp_path, renderer) == []


def test_most_overrides_need_no_rendering(tmp_path: Path, renderer: Renderer) -> None:
    text = """\
resources: [../base]
namespace: prod
labels: [{pairs: {tenant: a}}]
images: [{name: registry.example.com/shop, newName: mirror.example.com/shop, newTag: "2.0"}]
replicas: [{name: shop, count: 3}]
configMapGenerator: [{name: settings, behavior: merge, literals: [B=2]}]
patches:
  - patch: |-
      - {op: add, path: /spec/minReadySeconds, value: 5}
    target: {kind: Deployment, name: shop}
  - patch: |-
      apiVersion: apps/v1
      kind: Deployment
      metadata: {name: shop}
      spec: {template: {spec: {priorityClassName: high}}}
"""
    written(tmp_path, {**BASE, "prod/kustomization.yaml": text})
    _, questions, left = asked(tmp_path, renderer)
    assert [override.what for override in left] == []
    assert len(questions) == 8
