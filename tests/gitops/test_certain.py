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

# An overlay that sets values in a container.
SETS = """\
resources: [../middle]
patches:
  - patch: |-
      apiVersion: apps/v1
      kind: Deployment
      metadata: {name: shop}
      spec: {template: {spec: {containers: [%s]}}}
"""
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
    "an item that a patch sets by its number": {
        "middle/kustomization.yaml": """\
resources: [../base]
patches:
  - target: {kind: Deployment}
    patch: '[{"op": "add", "path": "/spec/template/spec/containers/0/tty", "value": true}]'
""",
        "prod/kustomization.yaml": SETS % "{name: app, tty: true}",
    },
    "an item that a patch renames": {
        "middle/kustomization.yaml": """\
resources: [../base]
patches:
  - patch: |-
      apiVersion: apps/v1
      kind: Deployment
      metadata: {name: shop}
      spec: {template: {spec: {containers: [{name: app, env: [{name: B, value: b}]}]}}}
  - target: {kind: Deployment}
    patch: '[{"op": "add", "path": "/spec/template/spec/containers/0/env/0/name", "value": "C"}]'
""",
        "prod/kustomization.yaml": SETS % "{name: app, env: [{name: C, value: b}]}",
    },
    "an item that a replacement renames": {
        "middle/kustomization.yaml": """\
resources: [../base]
patches:
  - patch: |-
      apiVersion: apps/v1
      kind: Deployment
      metadata: {name: shop}
      spec: {template: {spec: {containers: [{name: app, tty: true}]}}}
replacements:
  - sourceValue: till
    targets:
      - select: {kind: Deployment}
        fieldPaths: ["spec.template.spec.containers.[name=app].name"]
""",
        "prod/kustomization.yaml": SETS % "{name: till, tty: true}",
    },
    "an item that a configuration renames": {
        "middle/kustomization.yaml": """\
resources: [../base]
patches:
  - patch: |-
      apiVersion: apps/v1
      kind: Deployment
      metadata: {name: shop}
      spec: {template: {spec: {containers: [{name: app, tty: true}]}}}
namePrefix: p-
configurations: [fields.yaml]
""",
        "middle/fields.yaml": """\
namePrefix: [{kind: Deployment, path: spec/template/spec/containers/name}]
""",
        "prod/kustomization.yaml": SETS % "{name: p-app, tty: true}",
    },
    "an item that is told from others by its path": {
        "middle/kustomization.yaml": """\
resources: [../base]
patches:
  - patch: |-
      apiVersion: apps/v1
      kind: Deployment
      metadata: {name: shop}
      spec:
        template:
          spec:
            containers:
              - {name: app, volumeMounts: [{name: a, mountPath: /a, readOnly: true}]}
""",
        "prod/kustomization.yaml": SETS
        % "{name: app, volumeMounts: [{name: b, mountPath: /a, readOnly: true}]}",
    },
    "a mapping that is merged into another one": {
        "middle/kustomization.yaml": "resources: [till.yaml]",
        "middle/till.yaml": """\
apiVersion: v1
kind: ConfigMap
metadata: {name: till, labels: &labels {a: b}, annotations: {<<: *labels}}
""",
        "prod/kustomization.yaml": """\
resources: [../middle]
patches:
  - patch: "{apiVersion: v1, kind: ConfigMap, metadata: {name: till, annotations: {a: b}}}"
""",
    },
    "an object in a list": {
        "middle/kustomization.yaml": "resources: [till.yaml]",
        "middle/till.yaml": """\
apiVersion: v1
kind: ConfigMapList
items: [{apiVersion: v1, kind: ConfigMap, metadata: {name: till, annotations: {a: b}}}]
""",
        "prod/kustomization.yaml": """\
resources: [../middle]
patches:
  - patch: "{apiVersion: v1, kind: ConfigMap, metadata: {name: till, annotations: {a: b}}}"
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
    for override, overlays in inert.collect(context, context.rendered, {})[0].items():
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


def test_a_value_is_told_from_the_same_one_elsewhere_in_its_object(
    tmp_path: Path, renderer: Renderer
) -> None:
    env = "env: [{name: B, value: x}, {name: C, value: x}]"
    mounts = "volumeMounts: [{mountPath: /a, readOnly: true}, {mountPath: /b, readOnly: true}]"
    amounts = "resources: {limits: {cpu: 1}, requests: {cpu: 1}}"
    text = SETS % f"{{name: app, {env}, {mounts}, {amounts}}}"
    middle = "resources: [../base]\n"
    written(
        *(tmp_path, {**BASE, "middle/kustomization.yaml": middle, "prod/kustomization.yaml": text})
    )
    _, questions, left = asked(tmp_path, renderer)
    assert [override.what for override in left] == []
    assert len(questions) == 8


PATCH = """\
patches:
  - target: {kind: Deployment}
    patch: '[{"op": "add", "path": "%s", "value": %s}]'
"""
POD = "/spec/template/spec"
TILL = "images: [{name: till, newTag: '2.0'}]\n"
# Images that no container of the base has: what gives one of them, and the entry that is for it.
GIVEN = {
    "by another entry": ("images: [{name: registry.example.com/shop, newName: till}]", TILL),
    "by a patch": (PATCH % (f"{POD}/containers/0/image", '"till:1.0"'), TILL),
    "in a volume": (
        PATCH % (f"{POD}/volumes", '[{"name": "a", "image": {"reference": "till:1.0"}}]'),
        TILL,
    ),
    "by a replacement": (
        """\
replacements:
  - sourceValue: till:1.0
    targets: [{select: {kind: Deployment}, fieldPaths: [spec.template.spec.containers.0.image]}]
""",
        TILL,
    ),
    "by an expression": ("", 'images: [{name: "registry[.]example.com/.*", newTag: "2.0"}]'),
    "with its tag": ("", 'images: [{name: "registry.example.com/shop:1.0", newTag: "2.0"}]'),
    "with a dot for any character": (
        "",
        'images: [{name: registry.example.com.shop, newTag: "2.0"}]',
    ),
    "in a field that only a configuration names": (
        PATCH % ("/spec/engine", '"till:1.0"'),
        f"{TILL}configurations: [fields.yaml]",
    ),
}
FIELDS = "images: [{kind: Deployment, path: spec/engine}]\n"


def missed(root: Path, renderer: Renderer) -> tuple[list[Question], list[Question]]:
    """Return what is taken for an override of no image, or of no other name, and what is none."""
    context = Context(Repository.read(root), Config(root / "gitops.yaml"), renderer)
    tries = Tries(context)
    questions = [
        Question(override, overlay, change)
        for override, overlays in inert.collect(context, context.rendered, {})[0].items()
        for overlay in overlays
        for is_so, changes in (
            (tries.certainty.misses, (override.taken_away, override.with_sentinel)),
            (tries.certainty.repeats, (override.taken_away,)),
        )
        if is_so(override, overlay)
        for change in changes
    ]
    asked = [(it.overlay, tries.start(it.overlay)) for it in questions]
    before = tries.digests(asked)
    now = tries.digests(
        (it.overlay, it.change(files)) for it, (_, files) in zip(questions, asked, strict=True)
    )
    changed = zip(questions, before, now, strict=True)
    return questions, [it for it, old, new in changed if old != new]


@pytest.mark.parametrize("root", [*FIXTURES.iterdir(), ROOT / "k8s"], ids=lambda path: path.name)
def test_what_is_for_no_image_of_a_repository_changes_nothing(
    root: Path, renderer: Renderer
) -> None:
    assert missed(root, renderer)[1] == []


@pytest.mark.parametrize(("inner", "outer"), GIVEN.values(), ids=GIVEN.keys())
def test_an_image_that_is_given_elsewhere_is_not_missed(
    inner: str, outer: str, tmp_path: Path, renderer: Renderer
) -> None:
    files = {
        "middle/kustomization.yaml": f"resources: [../base]\n{inner}\n",
        "prod/kustomization.yaml": f"resources: [../middle]\n{outer}\n",
        "prod/fields.yaml": FIELDS,
    }
    written(tmp_path, {**BASE, **files})
    assert missed(tmp_path, renderer)[0] == []
    # Each is for an image indeed: what is taken away is missed.
    tries, questions, left = asked(tmp_path, renderer)
    (overlay,) = tries.context.repository.overlays
    its = [override for override in left if override.subject == "image"]
    its += [it.override for it in questions if it.override.subject == "image"]
    assert its
    assert all(tries.change([Question(override, overlay, override.taken_away) for override in its]))


def test_an_image_that_nothing_has_is_missed(tmp_path: Path, renderer: Renderer) -> None:
    text = f"resources: [../base]\n{TILL}"
    written(tmp_path, {**BASE, "prod/kustomization.yaml": text})
    questions, wrong_ones = missed(tmp_path, renderer)
    assert len(questions) == 2
    assert wrong_ones == []


@pytest.mark.parametrize("name", [".", "-"])
def test_a_name_that_an_image_has_already_changes_nothing(
    name: str, tmp_path: Path, renderer: Renderer
) -> None:
    image = f"registry.example{name}com/shop"
    text = f"resources: [../base]\nimages: [{{name: {image}, newName: {image}, newTag: '2'}}]\n"
    alike = {"base/shop.yaml": BASE["base/shop.yaml"].replace("example.com", "example-com")}
    for number, files in enumerate([BASE, {**BASE, **alike}]):
        written(tmp_path / str(number), {**files, "prod/kustomization.yaml": text})
    found = [missed(tmp_path / str(number), renderer) for number in (0, 1)]
    assert [wrong_ones for _, wrong_ones in found] == [[], []]
    assert [len(questions) for questions, _ in found] == ([1, 0] if name == "." else [5, 1])
