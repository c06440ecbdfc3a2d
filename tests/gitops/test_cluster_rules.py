"""What a cluster would refuse: changed immutable fields, and objects that are not valid."""

from __future__ import annotations

import shutil
from collections.abc import Callable
from pathlib import Path

import pytest

from tests.clone import commit, git
from tests.gitops.conftest import Check
from tools.setup import schemas

MORE = "base/more.yaml"


@pytest.fixture
def committed(copy: Callable[[str], Path]) -> Path:
    root = copy("layered")
    git(root, "init", "--quiet")
    commit(root)
    return root


@pytest.mark.parametrize(
    ("now", "then", "said"),
    [
        ("app: cache", "app: store", "StatefulSet cache: spec.selector"),
        ("name: data", "name: dato", "StatefulSet cache: spec.volumeClaimTemplates"),
        ("storage: 1Gi", "storage: 2Gi", "StatefulSet cache: spec.volumeClaimTemplates"),
        ("serviceName: cache", "serviceName: shop", "StatefulSet cache: spec.serviceName"),
        ("  clusterIP: None\n", "", "Service cache: spec.clusterIP"),
    ],
)
def test_a_changed_immutable_field_is_found(
    committed: Path, check: Check, now: str, then: str, said: str
) -> None:
    assert check(committed, "immutable", base="HEAD") == []
    file = committed / MORE
    file.write_text(file.read_text().replace(now, then))
    found = check(committed, "immutable", base="HEAD")
    assert any(f"{said} has changed since HEAD" in each.message for each in found)
    assert {each.file for each in found} == {file}


def test_what_may_change_is_no_finding(committed: Path, check: Check) -> None:
    file = committed / MORE
    file.write_text(file.read_text().replace("redis:8", "redis:9").replace("6379", "6380"))
    assert check(committed, "immutable", base="HEAD") == []


CLAIM = """\
apiVersion: v1
kind: PersistentVolumeClaim
metadata: {name: data, namespace: shop}
spec: {accessModes: [ReadWriteOnce], resources: {requests: {storage: 2Gi}}}
"""
CONFIG = "apiVersion: v1\nkind: ConfigMap\nmetadata: {name: a}\nimmutable: true\ndata: {A: one}\n"
JOB = """\
apiVersion: batch/v1
kind: Job
metadata: {name: migrate, annotations: {%s}}
spec: {template: {spec: {restartPolicy: Never, containers: [{name: a, image: "a:one"}]}}}
"""
HOOK = "argocd.argoproj.io/hook: PreSync"
OBJECTS = [
    (CLAIM, "2Gi", "1.5Gi", "PersistentVolumeClaim data: it has shrunk from 2Gi to 1.5Gi"),
    (CLAIM, "2Gi", "2G", "PersistentVolumeClaim data: it has shrunk from 2Gi to 2G"),
    (CLAIM, "2Gi", "2048Mi", ""),
    (CLAIM, "2Gi", "3e9", ""),
    (CLAIM, "ReadWriteOnce", "ReadWriteMany", "spec.accessModes has changed"),
    (CLAIM, "name: data", "name: dato", "dato: it was PersistentVolumeClaim data in"),
    (
        CLAIM,
        "namespace: shop",
        "namespace: shap",
        "data: it was PersistentVolumeClaim data in shop",
    ),
    ("apiVersion: v1\nkind: Namespace\nmetadata: {name: shop}\n", "shop", "shap", "Namespace shop"),
    (CONFIG, "one", "two", "ConfigMap a: it is immutable, and its data has changed"),
    (CONFIG, "immutable: true", "immutable: false", "and its immutable has changed"),
    (CONFIG.replace("true", "false"), "one", "two", ""),
    (
        "apiVersion: v1\nkind: Secret\nmetadata: {name: a}\ntype: Opaque\n",
        *("Opaque", "acme.example/token"),
        "Secret a: type has changed",
    ),
    (JOB % "a: b", "a:one", "a:two", "Job migrate: spec.template has changed"),
    (JOB % HOOK, "a:one", "a:two", ""),
    (JOB % "helm.sh/hook: pre-upgrade", "a:one", "a:two", ""),
    (JOB % "kustomize.toolkit.fluxcd.io/force: enabled", "a:one", "a:two", ""),
    (JOB % "argocd.argoproj.io/sync-options: 'Force=true,Replace=true'", "a:one", "a:two", ""),
    (JOB % "argocd.argoproj.io/sync-options: Prune=false", "a:one", "a:two", "has changed"),
]


def test_what_a_cluster_refuses_to_change_in_an_object(tmp_path: Path, check: Check) -> None:
    for number, (text, *_) in enumerate(OBJECTS):
        folder = tmp_path / f"n{number}"
        folder.mkdir()
        (folder / "kustomization.yaml").write_text("resources: [object.yaml]\n")
        (folder / "object.yaml").write_text(text)
    git(tmp_path, "init", "--quiet")
    commit(tmp_path)
    for number, (text, now, then, _) in enumerate(OBJECTS):
        assert now in text
        (tmp_path / f"n{number}" / "object.yaml").write_text(text.replace(now, then))
    found = {each.overlays[0]: each.message for each in check(tmp_path, "immutable", base="HEAD")}
    for number, (*_, said) in enumerate(OBJECTS):
        told = found.get(f"n{number}", "")
        assert said in told if said else not told, (OBJECTS[number], told)


def test_an_overlay_that_is_new_has_nothing_to_keep(committed: Path, check: Check) -> None:
    new = committed / "overlays" / "test"
    new.mkdir()
    (new / "kustomization.yaml").write_text("resources: [../../base]\n")
    assert check(committed, "immutable", base="HEAD") == []


def test_an_unknown_revision_is_an_error(committed: Path, check: Check) -> None:
    with pytest.raises(Exception, match="no revision 'nowhere'"):
        check(committed, "immutable", base="nowhere")


def test_a_base_that_cannot_be_read_is_an_error(committed: Path, check: Check) -> None:
    """It was asked for: that nothing was compared must not look as if nothing had changed."""
    (committed / "gitops.yaml").write_text("unknown: 1\n")
    commit(committed)
    (committed / "gitops.yaml").unlink()
    with pytest.raises(AssertionError, match=r"--base HEAD: gitops.yaml:1: unknown key"):
        check(committed, "immutable", base="HEAD")
    shutil.rmtree(committed / ".git")
    with pytest.raises(AssertionError, match="not a git repository"):
        check(committed, "immutable", base="HEAD")


@pytest.mark.parametrize(
    ("now", "then", "said"),
    [
        ("maxReplicas: 9", "maxReplikas: 9", "'maxReplikas' not allowed"),
        ("maxReplicas: 9", "maxReplicas: many", "got string, want integer"),
    ],
)
def test_an_object_that_is_not_valid_is_found(
    copy: Callable[[str], Path], check: Check, now: str, then: str, said: str
) -> None:
    versions = schemas.ensure()
    root = copy("layered")
    probe = root / "base" / "deployment.yaml"
    probe.write_text(
        probe.read_text().replace(
            "            httpGet:\n", "            httpGet:\n              path: /\n"
        )
    )
    assert check(root, "schema", locations=(schemas.LOCATION,)) == []
    file = root / "overlays/prod/sizes.yaml"
    file.write_text(file.read_text().replace(now, then))
    found = check(root, "schema", locations=(schemas.LOCATION,))
    assert any(said in each.message and each.overlays == ("overlays/prod",) for each in found)
    assert any(all(version in each.message for version in versions) for each in found)
