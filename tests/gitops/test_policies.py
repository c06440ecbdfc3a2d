"""What gitops.yaml asks for: digests, and the same objects in the environments that it names."""

from __future__ import annotations

from pathlib import Path

import pytest

from gitops.checks import parity, pins
from tests.gitops.judged import context

NAMESPACE = "apiVersion: v1\nkind: Namespace\nmetadata: {name: %s}\n---\n"
CONFIG = "apiVersion: v1\nkind: ConfigMap\nmetadata: {name: %s}\n---\n"
ROLE = "apiVersion: rbac.authorization.k8s.io/v1\nkind: ClusterRole\nmetadata: {name: '%s'}\n---\n"


@pytest.mark.parametrize(
    ("one", "other", "said"),
    [
        # Named by their environment.
        (("shop/dev", NAMESPACE % "dev"), ("shop/prod", NAMESPACE % "prod"), ""),
        (("shop/dev", NAMESPACE % "shop-dev"), ("shop/prod", NAMESPACE % "shop-prod"), ""),
        (("shop/dev", CONFIG % "a.dev.b"), ("shop/prod", CONFIG % "a.prod.b"), ""),
        (("shop/dev", CONFIG % "dev"), ("shop/prod", CONFIG % "prod"), ""),
        (("dev/shop", CONFIG % "dev-a"), ("prod/shop", CONFIG % "prod-a"), ""),
        (("shop/dev", CONFIG % "a"), ("shop/prod", CONFIG % "b"), "ConfigMap/a"),
        (("shop/dev", CONFIG % "devops"), ("shop/prod", CONFIG % "ops"), "ConfigMap/devops"),
        (("shop/dev", ROLE % "system:a"), ("shop/prod", ROLE % "system:a"), ""),
        (("shop/dev", ROLE % "system:a"), ("shop/prod", CONFIG % "a"), "ClusterRole/system:a"),
        # Not declared, or of different applications.
        (("shop/one", CONFIG % "a"), ("shop/two", CONFIG % "b"), ""),
        (("shop/dev", CONFIG % "a"), ("mail/prod", CONFIG % "b"), ""),
    ],
)
def test_declared_environments_have_the_same_objects(
    tmp_path: Path, one: tuple[str, str], other: tuple[str, str], said: str
) -> None:
    asked = context(tmp_path, dict([one, other]))
    asked.config.environments = ("dev", "prod")
    first, second = asked.applied
    # They share what they include.
    object.__setattr__(second.overlay, "tree", (*second.overlay.tree, *first.overlay.tree))
    told = [each.message for each in parity.check(asked)]
    assert [each for each in told if each.startswith(said)] if said else told == []


def workload(kind: str, container: str) -> str:
    version = {"Deployment": "apps/v1", "Rollout": "argoproj.io/v1alpha1"}.get(kind, "a.example/v1")
    spec = f"{{template: {{spec: {{containers: [{container}]}}}}}}"
    return f"apiVersion: {version}\nkind: {kind}\nmetadata: {{name: shop}}\nspec: {spec}\n"


@pytest.mark.parametrize(
    ("kind", "container", "strict", "said"),
    [
        ("Deployment", "{name: a, image: shop}", False, "neither a tag nor a digest"),
        ("Rollout", "{name: a, image: shop}", False, "neither a tag nor a digest"),
        ("Widget", "{name: a, image: shop}", False, "neither a tag nor a digest"),
        ("Deployment", "{name: a, image: 'shop:latest'}", False, "`latest`"),
        ("Deployment", "{name: a, image: 'shop:1'}", False, ""),
        ("Deployment", "{name: a, image: 'shop:1'}", True, "no digest"),
        ("Deployment", "{name: a}", False, "no image"),
        ("Rollout", "{name: a}", False, "no image"),
        # Its controller fills it in.
        ("Elasticsearch", "{name: elasticsearch, resources: {}}", False, ""),
        ("Deployment", "{name: a, image: 'shop:${TAG:=1.0.0}'}", True, ""),
        ("Deployment", "{name: a, image: 'ko://example.com/shop/cmd'}", True, ""),
        ("Deployment", "{name: a, image: 'ENC[AES256_GCM,data:aW1hZ2U=]'}", True, ""),
    ],
)
def test_what_an_image_must_have(
    tmp_path: Path, kind: str, container: str, strict: bool, said: str
) -> None:
    asked = context(tmp_path, {"prod": workload(kind, container)})
    asked.config.needs_digests = strict
    told = [each.message for each in pins.check(asked)]
    assert [each for each in told if said in each] if said else told == []


@pytest.mark.parametrize(
    ("container", "strict", "severity"),
    [
        ("{name: a, image: shop}", False, "note"),
        ("{name: a, image: 'shop:latest'}", False, "note"),
        ("{name: a, image: 'shop:latest'}", True, "warning"),
        ("{name: a}", False, "error"),
        ("{name: a, image: 'shop@sha256:12'}", False, "error"),
    ],
)
def test_a_tag_that_moves_matters_where_somebody_has_asked_for_pins(
    tmp_path: Path, container: str, strict: bool, severity: str
) -> None:
    asked = context(tmp_path, {"prod": workload("Deployment", container)})
    asked.config.needs_digests = strict
    assert [each.severity for each in pins.check(asked)] == [severity]
