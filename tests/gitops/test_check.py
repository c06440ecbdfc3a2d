"""Each kind of finding has a repository that it rejects, and one that it accepts."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import pytest

from gitops.repository import Repository
from tests.gitops.conftest import FIXTURES, Check

DIGEST = "sha256:" + "1" * 64
DEV, PROD = "overlays/dev/kustomization.yaml", "overlays/prod/kustomization.yaml"
MORE, SIZES = "base/more.yaml", "overlays/prod/sizes.yaml"

# A fixture, a file of it, what is written there instead of what, and what is found where.
Case = tuple[str, str, str, str, str, str, int, str]
BROKEN: list[Case] = [
    # render
    (
        "layered",
        PROD,
        "path: sizes.yaml",
        "path: size.yaml",
        "render",
        PROD,
        18,
        "overlays/prod/size.yaml: no such file",
    ),
    (
        "layered",
        SIZES,
        "name: shop\nspec:\n  min",
        "name: shap\nspec:\n  min",
        "render",
        SIZES,
        4,
        "shap",
    ),
    (
        "layered",
        DEV,
        "name: shop\n    behavior",
        "name: shap\n    behavior",
        "render",
        DEV,
        8,
        "ConfigMap shap does not exist; cannot merge",
    ),
    ("layered", DEV, "name: shop\n    count", "name: shap\n    count", "render", DEV, 13, "shap"),
    # patch
    (
        "layered",
        PROD,
        "value: shop.ex",
        "vlaue: shop.ex",
        "patch",
        PROD,
        24,
        "has an unknown `vlaue`",
    ),
    (
        "variants",
        "variants/debug/debug.yaml",
        "  value: [--verbose]",
        "  from: /spec",
        "patch",
        "variants/debug/debug.yaml",
        1,
        "has no `value`",
    ),
    # inert
    (
        "layered",
        DEV,
        "shop\n    newTag",
        "shap\n    newTag",
        "inert",
        DEV,
        6,
        "newTag 1.2.0 for image registry.example.com/shap matches nothing",
    ),
    ("layered", PROD, "redis\n    newName", "radis\n    newName", "inert", PROD, 10, "newName"),
    ("layered", PROD, "redis\n    newName", "radis\n    newName", "inert", PROD, 11, "digest"),
    (
        "layered",
        PROD,
        "kind: Ingress",
        "kind: Ingrass",
        "inert",
        PROD,
        19,
        "inline patch 1 on Ingrass matches nothing",
    ),
    (
        "layered",
        PROD,
        "value: shop.example.com",
        "value: shop.invalid",
        "inert",
        PROD,
        19,
        "changes nothing",
    ),
    (
        "layered",
        SIZES,
        "maxReplicas: 9",
        "maxReplicas: 3",
        "inert",
        SIZES,
        7,
        "HorizontalPodAutoscaler shop spec.maxReplicas changes nothing",
    ),
    (
        "layered",
        SIZES,
        "minReplicas: 3\n  maxReplicas: 9",
        "minReplicas: 1\n  maxReplicas: 3",
        "inert",
        SIZES,
        6,
        "spec.minReplicas",
    ),
    (
        "layered",
        PROD,
        "MODE=fast",
        "MODE=plain",
        "inert",
        PROD,
        16,
        "configMapGenerator shop: MODE=plain changes nothing",
    ),
    (
        "layered",
        "base/deployment.yaml",
        "spec:\n  selector",
        "spec:\n  replicas: 2\n  selector",
        "inert",
        DEV,
        13,
        "replicas of shop changes nothing",
    ),
    (
        "layered",
        PROD,
        "labels:\n  - pairs:\n      tier: prod",
        "labels:\n  - pairs:\n      tier: prod\n    fields:\n"
        "      - {path: spec/template/metadata/labels, kind: Deploymant, create: true}",
        "inert",
        PROD,
        32,
        "label field Deploymant",
    ),
    (
        "layered",
        "base/kustomization.yaml",
        "resources:",
        "commonAnnotations:\n  owner: base\nresources:",
        "",
        "",
        0,
        "",
    ),
    (
        "layered",
        "base/deployment.yaml",
        "image: registry.example.com/shop",
        f"image: registry.example.com/shop:1.0@{DIGEST}",
        "inert",
        DEV,
        6,
        "drops the digest",
    ),
    (
        "variants",
        "variants/debug/kustomization.yaml",
        "name: mail",
        "name: mial",
        "inert",
        "variants/debug/kustomization.yaml",
        4,
        "patch debug.yaml on Deployment mial matches nothing",
    ),
    (
        "variants",
        "variants/eu/kustomization.yaml",
        "REGION=eu",
        "REGION=none",
        "inert",
        "variants/eu/kustomization.yaml",
        7,
        "REGION=none changes nothing",
    ),
    (
        "clusters",
        "clusters/prod/kustomization.yaml",
        "com/mail",
        "com/male",
        "inert",
        "clusters/prod/kustomization.yaml",
        9,
        "",
    ),
    # parity
    (
        "layered",
        DEV,
        "DEBUG=yes",
        "DEBUG=yes\n      - TRACE=yes",
        "parity",
        DEV,
        12,
        "ConfigMap/shop:TRACE is in overlays/dev and not in overlays/prod",
    ),
    (
        "clusters",
        "clusters/prod/kustomization.yaml",
        "  - ../../apps/mail\n",
        "",
        "parity",
        "apps/mail/deployment.yaml",
        1,
        "Deployment/mail is in clusters/staging and not in clusters/prod",
    ),
    ("variants", "envs/qa-eu/kustomization.yaml", "-qa-eu", "-other", "", "", 0, ""),
    # pin
    (
        "layered",
        PROD,
        f"    newTag: 1.1.0\n    digest: {DIGEST}\n",
        "    newTag: 1.1.0\n",
        "pin",
        PROD,
        6,
        "shop:1.1.0: no digest",
    ),
    ("layered", DEV, "newTag: 1.2.0", "newTag: latest", "pin", DEV, 5, "`latest`"),
    (
        "layered",
        DEV,
        "newTag: 1.2.0",
        "newName: registry.example.com/shop2",
        "pin",
        DEV,
        5,
        "neither a tag nor a digest",
    ),
    (
        "layered",
        MORE,
        "image: docker.io/library/redis:8",
        "image: docker.io/library/redis",
        "pin",
        MORE,
        69,
        "neither a tag nor a digest",
    ),
    ("layered", SIZES, "- name: app", "- name: apo", "pin", SIZES, 17, "no image"),
    (
        "clusters",
        "clusters/prod/kustomization.yaml",
        DIGEST,
        "sha256:11",
        "pin",
        "clusters/prod/kustomization.yaml",
        6,
        "64 hexadecimal",
    ),
    # dangling
    (
        "layered",
        "base/deployment.yaml",
        "name: shop\n          readinessProbe",
        "name: shap\n          readinessProbe",
        "dangling",
        "base/deployment.yaml",
        22,
        "no ConfigMap shap",
    ),
    (
        "layered",
        "base/deployment.yaml",
        "port: http",
        "port: htto",
        "dangling",
        "base/deployment.yaml",
        25,
        "the container has no port htto",
    ),
    (
        "layered",
        "base/service.yaml",
        "targetPort: http",
        "targetPort: htto",
        "dangling",
        "base/service.yaml",
        11,
        "has no port htto",
    ),
    (
        "layered",
        "base/service.yaml",
        "app: shop",
        "app: shap",
        "dangling",
        "base/service.yaml",
        7,
        "selector selects nothing: app=shap",
    ),
    (
        "layered",
        "base/service.yaml",
        "name: http",
        "name: htto",
        "dangling",
        MORE,
        28,
        "Service shop has no port http",
    ),
    (
        "layered",
        MORE,
        "kind: Deployment\n    name: shop",
        "kind: Deployment\n    name: shap",
        "dangling",
        MORE,
        9,
        "no Deployment shap",
    ),
    (
        "layered",
        MORE,
        "apiVersion: apps/v1\n    kind",
        "apiVersion: apps/v2\n    kind",
        "dangling",
        MORE,
        7,
        "of apps/v2",
    ),
    (
        "layered",
        MORE,
        "service:\n                name: shop",
        "service:\n                name: shap",
        "dangling",
        MORE,
        26,
        "no Service shap",
    ),
    (
        "layered",
        MORE,
        "matchLabels:\n      app: shop\n---\napiVersion: networking",
        "matchLabels:\n      app: shap\n---\napiVersion: networking",
        "dangling",
        MORE,
        38,
        "PodDisruptionBudget shop, selector selects nothing",
    ),
    (
        "layered",
        MORE,
        "podSelector:\n    matchLabels:\n      app: shop",
        "podSelector:\n    matchLabels:\n      app: shap",
        "dangling",
        MORE,
        47,
        "podSelector selects nothing",
    ),
    ("layered", MORE, "- port: http", "- port: htto", "dangling", MORE, 50, "has a port htto"),
    (
        "layered",
        MORE,
        "serviceName: cache",
        "serviceName: cachf",
        "dangling",
        MORE,
        57,
        "no Service cachf",
    ),
    (
        "layered",
        MORE,
        "serviceAccountName: cache",
        "serviceAccountName: cachf",
        "dangling",
        MORE,
        66,
        "no ServiceAccount cachf",
    ),
    ("layered", MORE, "key: MODE", "key: MODF", "dangling", MORE, 78, "has no key MODF"),
    (
        "layered",
        MORE,
        "- name: data\n              mount",
        "- name: dato\n              mount",
        "dangling",
        MORE,
        80,
        "no volume dato",
    ),
    (
        "layered",
        MORE,
        "            optional: true\n",
        "",
        "dangling",
        MORE,
        87,
        "no Secret extra-keys",
    ),
    (
        "layered",
        MORE,
        "secret:\n            secretName: extra-keys\n            optional: true",
        "persistentVolumeClaim:\n            claimName: extra-keys",
        "dangling",
        MORE,
        87,
        "no PersistentVolumeClaim extra-keys",
    ),
    ("layered", SIZES, "cpu: 250m", "cqu: 250m", "dangling", SIZES, 20, "no resource cqu"),
    (
        "layered",
        MORE,
        "- port: http",
        "- [http]",
        "dangling",
        MORE,
        40,
        "is not a well-formed NetworkPolicy",
    ),
    # configuration
    (
        "layered",
        DEV,
        "DEBUG=yes",
        "MODE=slow",
        "configuration",
        "gitops.yaml",
        2,
        "no longer needed",
    ),
    ("layered", "gitops.yaml", "only: [dev]", "only: [prod]", "parity", DEV, 11, "DEBUG"),
]


def edit(file: Path, now: str, then: str) -> None:
    text = file.read_text()
    assert now in text
    file.write_text(text.replace(now, then, 1))


def test_what_the_cluster_has_by_itself_is_declared(
    copy: Callable[[str], Path], check: Check
) -> None:
    root = copy("layered")
    edit(root / MORE, "            optional: true\n", "")
    assert {each.rule for each in check(root)} == {"dangling"}
    with (root / "gitops.yaml").open("a") as file:
        file.write("external:\n  - {what: Secret/extra-*, reason: An operator makes it.}\n")
    assert check(root) == []
    edit(root / "gitops.yaml", "reason: An", "only: [prod], reason: An")
    assert {each.overlays for each in check(root)} == {("overlays/dev",)}


def test_a_finding_that_is_meant_is_declared_as_long_as_it_is_found(
    copy: Callable[[str], Path], check: Check
) -> None:
    root = copy("layered")
    edit(root / SIZES, "maxReplicas: 9", "maxReplicas: 3")
    assert {each.rule for each in check(root)} == {"inert"}
    with (root / "gitops.yaml").open("a") as file:
        file.write("  - {rule: inert, what: spec.maxReplicas, reason: It is meant.}\n")
    assert check(root) == []
    edit(root / SIZES, "maxReplicas: 3", "maxReplicas: 9")
    (found,) = check(root)
    assert (found.rule, found.line) == ("configuration", 9)


def test_overlays_whose_images_need_no_digest_are_declared(
    copy: Callable[[str], Path], check: Check
) -> None:
    root = copy("layered")
    edit(root / "gitops.yaml", "enough: [dev]", "enough: [prod]")
    assert {(e.rule, e.overlays) for e in check(root)} == {("pin", ("overlays/dev",))}


def test_digests_and_parity_are_for_those_who_ask(
    copy: Callable[[str], Path], check: Check
) -> None:
    root = copy("layered")
    edit(root / PROD, f"    digest: {DIGEST}\n", "")
    assert {each.rule for each in check(root)} == {"pin"}
    edit(root / DEV, "DEBUG=yes", "DEBUG=yes\n      - TRACE=yes")
    assert {each.rule for each in check(root)} == {"pin", "parity"}
    (root / "gitops.yaml").write_text("")
    assert check(root, "pin", "parity") == []


def test_a_secret_that_a_controller_makes_is_there(
    copy: Callable[[str], Path], check: Check
) -> None:
    root = copy("layered")
    edit(root / MORE, "            optional: true\n", "")
    with (root / MORE).open("a") as file:
        file.write("---\napiVersion: external-secrets.io/v1\nkind: ExternalSecret\n")
        file.write("metadata: {name: extra}\nspec: {target: {name: extra-keys}}\n")
    assert check(root) == []


def test_the_value_of_a_secret_is_never_told(copy: Callable[[str], Path], check: Check) -> None:
    root = copy("variants")
    edit(root / "base/kustomization.yaml", "configMap", "secretGenerator:\n  - name: keys\n"
         "    literals: [TOKEN=hush]\nconfigMap")  # fmt: skip
    edit(root / "variants/eu/kustomization.yaml", "configMap", "secretGenerator:\n  - name: keys\n"
         "    behavior: merge\n    literals: [TOKEN=hush]\nconfigMap")  # fmt: skip
    (found,) = check(root)
    assert found.message == "secretGenerator keys: TOKEN changes nothing"


def test_an_overlay_that_must_be_fetched_is_not_rendered_again_and_again(
    copy: Callable[[str], Path],
) -> None:
    root = copy("variants")
    edit(root / "base/kustomization.yaml", "service.yaml]", "service.yaml, github.com/x/y?ref=v1]")
    overlays = Repository.open(root).overlays
    assert all(any(each.is_remote for each in overlay.tree) for overlay in overlays)


@pytest.mark.parametrize("name", ["layered", "variants", "clusters"])
def test_a_repository_in_order_has_no_findings(check: Check, name: str) -> None:
    assert check(FIXTURES / name) == []


@pytest.mark.parametrize(
    "case", BROKEN, ids=[f"{n}-{case[0]}-{case[4] or 'accepted'}" for n, case in enumerate(BROKEN)]
)
def test_what_is_wrong_is_found_at_its_line(
    copy: Callable[[str], Path], check: Check, case: Case
) -> None:
    name, edited, now, then, rule, file, line, message = case
    root = copy(name)
    edit(root / edited, now, then)
    found = check(root)
    told = [f"{e.rule} {e.file.relative_to(root)}:{e.line}: {e.message}" for e in found]
    if not rule:
        assert told == []
    else:
        assert any(e.startswith(f"{rule} {file}:{line}: ") and message in e for e in told), told
