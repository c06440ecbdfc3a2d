"""Overrides are tried without the schemas of custom resources, and nothing is missed by that."""

from __future__ import annotations

from collections.abc import Iterable
from pathlib import Path

import pytest
import yaml

from gitops import definitions
from gitops.jobs import Answer, Job
from gitops.render import Renderer
from tests.gitops.conftest import Check
from tests.gitops.test_cases import written

DEFINITION = """\
apiVersion: apiextensions.k8s.io/v1
kind: CustomResourceDefinition
metadata:
  name: widgets.shop.example.com
spec:
  group: shop.example.com
  names: {kind: Widget, plural: widgets}
  conversion:
    strategy: Webhook
    webhook:
      clientConfig:
        service:
          name: hook
          namespace: shop
  versions:
  - name: v1
    schema:
      openAPIV3Schema:
        description: |
          spec:

            of a widget
# a comment
        properties:
          size:
            type: string
        type: object
    served: true
    storage: true
"""
HOOK = "---\napiVersion: v1\nkind: Service\nmetadata: {name: hook, namespace: shop}\n"
TYPE = "/spec/versions/0/schema/openAPIV3Schema/properties/size/type"
PATCH = "patches:\n- target: {kind: CustomResourceDefinition}\n  patch: |-\n    - %s\n"
# Overrides, and how many of them change nothing.
OVERLAYS = {
    "namespace: other\n": 0,
    "namespace: shop\n": 1,
    "namePrefix: a-\n": 0,
    "labels: [{pairs: {a: b}}]\n": 0,
    "images: [{name: absent, newTag: '1'}]\n": 1,
    PATCH % f"{{op: replace, path: {TYPE}, value: integer}}": 0,
    PATCH % f"{{op: replace, path: {TYPE}, value: string}}": 1,
    PATCH % "{op: replace, path: /spec/conversion/strategy, value: None}": 0,
    PATCH % "{op: replace, path: /spec/conversion/strategy, value: Webhook}": 1,
    PATCH % "{op: replace, path: /spec/versions/0/schema, value: {}}": 0,
    "patches: [{path: schema.yaml}]\n": 0,
}


@pytest.mark.parametrize(("overlay", "dead"), OVERLAYS.items())
def test_what_changes_nothing_is_found_without_the_schemas_too(
    tmp_path: Path, check: Check, monkeypatch: pytest.MonkeyPatch, overlay: str, dead: int
) -> None:
    own = {"metadata": {"name": "widgets.shop.example.com"}, "kind": definitions.KIND}
    schema = {"description": "other"}
    version = {"name": "v1", "schema": {"openAPIV3Schema": schema}}
    patch = {**own, "apiVersion": "apiextensions.k8s.io/v1", "spec": {"versions": [version]}}
    files = {
        "base/kustomization.yaml": "resources: [definition.yaml, hook.yaml]\n",
        "base/definition.yaml": DEFINITION,
        "base/hook.yaml": HOOK,
        "prod/kustomization.yaml": f"resources: [../base]\n{overlay}",
        "prod/schema.yaml": yaml.safe_dump(patch),
    }
    written(tmp_path, files)
    found = check(tmp_path, "inert")
    assert len(found) == dead
    monkeypatch.setattr(definitions, "without_schemas", lambda text: text)
    assert check(tmp_path, "inert") == found


def test_a_file_without_schemas_has_everything_else() -> None:
    text = f"{DEFINITION}{HOOK}---\n{DEFINITION}"
    less = definitions.without_schemas(text)
    wanted = [*yaml.safe_load_all(text)]
    for document in (wanted[0], wanted[2]):
        document["spec"]["versions"][0]["schema"]["openAPIV3Schema"] = {"type": "object"}
    assert [*yaml.safe_load_all(less)] == wanted
    assert definitions.without_schemas(HOOK) == HOOK


def test_nothing_is_rendered_twice_nor_with_schemas_that_nothing_reaches(
    tmp_path: Path, check: Check, monkeypatch: pytest.MonkeyPatch
) -> None:
    overlay = "namespace: shop\nimages: [{name: a, newTag: '1'}, {name: b, newTag: '1'}]\n"
    written(
        tmp_path,
        {
            "prod/kustomization.yaml": f"resources: [definition.yaml, hook.yaml]\n{overlay}",
            "prod/definition.yaml": DEFINITION,
            "prod/hook.yaml": HOOK,
        },
    )
    asked: list[Job] = []
    render = Renderer.render

    def noted(self: Renderer, jobs: Iterable[Job]) -> list[Answer]:
        every = list(jobs)
        asked.extend(every)
        return render(self, every)

    monkeypatch.setattr(Renderer, "render", noted)
    assert len(check(tmp_path, "inert")) == 3
    tried = [job for job in asked if job.digest]
    assert all(tmp_path / "prod/definition.yaml" in job.files for job in tried)
    assert len({tuple(sorted(job.files.items())) for job in tried}) == len(tried)


def test_a_suffix_is_overwritten_by_the_new_tag_beside_it(tmp_path: Path, check: Check) -> None:
    pod = "{apiVersion: v1, kind: Pod, metadata: {name: a}, spec: {containers: [{image: 'b:1'}]}}"
    entry = "images: [{name: c, newTag: '2'}, {name: b, newTag: '2', tagSuffix: -x}]\n"
    written(
        tmp_path,
        {"prod/kustomization.yaml": f"resources: [pod.yaml]\n{entry}", "prod/pod.yaml": pod},
    )
    found = {each.message.partition(" (")[0] for each in check(tmp_path, "inert")}
    assert found == {
        "newTag 2 for image c matches nothing",
        "tagSuffix -x for image b is overwritten by newTag 2 for image b",
    }
