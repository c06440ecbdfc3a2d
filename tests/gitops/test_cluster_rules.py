"""What a cluster would refuse: changed immutable fields, and objects that are not valid."""

from __future__ import annotations

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


def test_an_overlay_that_is_new_has_nothing_to_keep(committed: Path, check: Check) -> None:
    new = committed / "overlays" / "test"
    new.mkdir()
    (new / "kustomization.yaml").write_text("resources: [../../base]\n")
    assert check(committed, "immutable", base="HEAD") == []


def test_an_unknown_revision_is_an_error(committed: Path, check: Check) -> None:
    with pytest.raises(Exception, match="no revision 'nowhere'"):
        check(committed, "immutable", base="nowhere")


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
