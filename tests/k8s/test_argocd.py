"""What points Argo CD at the overlays: it allows what they need, no more, and tells the ledger."""

import re
from pathlib import Path
from typing import Any

import pytest
import yaml

from tests.manifests import faults
from tools import overlay
from tools.command import ROOT
from tools.setup import schemas

FOLDER = Path("k8s/argocd")
SUBSCRIPTION = re.compile(r"notifications\.argoproj\.io/subscribe\.([a-z-]+)\.([a-z-]+)")


@pytest.fixture(scope="module")
def objects() -> list[overlay.Object]:
    return overlay.objects(overlay.render(FOLDER))


@pytest.fixture(scope="module")
def project(objects: list[overlay.Object]) -> overlay.Object:
    return overlay.find(objects, "AppProject")


@pytest.fixture(scope="module")
def notifications(objects: list[overlay.Object]) -> dict[str, Any]:
    data = overlay.find(objects, "ConfigMap", "argocd-notifications-cm")["data"]
    return {key: yaml.safe_load(text) for key, text in data.items()}


def group_and_kind(told: overlay.Object) -> tuple[str, str]:
    return told["apiVersion"].rpartition("/")[0], told["kind"]


# What a Deployment makes: Argo CD shows no child of a kind that is not allowed.
CHILDREN = {("apps", "ReplicaSet"), ("", "Pod")}


def test_the_project_allows_the_kinds_that_are_there_and_no_others(project: overlay.Object) -> None:
    folders = [overlay.OVERLAYS / env for env in overlay.environments()]
    folders += [overlay.COMPONENTS / path.name for path in (ROOT / overlay.COMPONENTS).iterdir()]
    needed = {
        group_and_kind(each)
        for folder in folders
        for path in (ROOT / folder).glob("*.yaml")
        if path.name != "kustomization.yaml"
        for each in overlay.objects(path.read_text(encoding="utf-8"))
        if "apiVersion" in each
    }
    needed |= {
        group_and_kind(each) for env in overlay.environments() for each in overlay.rendered(env)
    }
    allowed = [
        (each["group"], each["kind"])
        for scope in ("clusterResourceWhitelist", "namespaceResourceWhitelist")
        for each in project["spec"][scope]
    ]

    assert sorted(allowed) == sorted(needed | CHILDREN)
    names = [each["name"] for each in project["spec"]["clusterResourceWhitelist"]]
    assert names == ["slipway-*", *["digest-only.slipway-*"] * 2]


def test_there_is_one_repository(objects: list[overlay.Object]) -> None:
    told = re.findall(r"(?:repoURL: |sourceRepos:\n\s*- )(\S+)", yaml.safe_dump_all(objects))

    assert len(told) == 3
    assert len(set(told)) == 1


def test_prod_is_not_synced_by_itself(objects: list[overlay.Object]) -> None:
    spec = overlay.find(objects, "ApplicationSet")["spec"]
    condition, *rest, end = spec["templatePatch"].strip().splitlines()

    assert "automated" not in spec["template"]["spec"]["syncPolicy"]
    assert (condition, end) == ('{{- if ne .path.basename "prod"}}', "{{- end}}")
    automated = yaml.safe_load("\n".join(rest))["spec"]["syncPolicy"]["automated"]
    assert automated == {"prune": True, "selfHeal": True}


def test_each_sync_is_notified_even_of_a_revision_that_was_there_before(
    project: overlay.Object, notifications: dict[str, Any]
) -> None:
    subscribed = {
        found[1]
        for key in project["metadata"]["annotations"]
        if (found := SUBSCRIPTION.fullmatch(key)) and f"service.webhook.{found[2]}" in notifications
    }
    triggers = {
        key.removeprefix("trigger."): value
        for key, value in notifications.items()
        if key.startswith("trigger.")
    }

    assert subscribed == triggers.keys()
    for name, (condition,) in triggers.items():
        of_sync = condition["oncePer"].startswith("app.status.operationState?.startedAt")
        assert of_sync == (name != "slipway-deleted")
        assert [f"template.{name}" for name in condition["send"]] == ["template.slipway"]
    assert notifications["template.slipway"]["webhook"]["slipway"]["method"] == "POST"


def test_health_from_before_the_sync_is_not_told(notifications: dict[str, Any]) -> None:
    (condition,) = notifications["trigger.slipway-finished"]
    body = notifications["template.slipway"]["webhook"]["slipway"]["body"]

    assert "(app.status.sync?.status == 'Synced'" in condition["when"]
    assert "lastTransitionTime ?? '') >= app.status.operationState.startedAt" in condition["when"]
    assert "reconciledAt ?? '') > app.status.operationState.finishedAt)" in condition["when"]
    # By which the ledger tells which of two states in the same second is the newer.
    assert '"resourceVersion"' in body


def test_what_a_deleted_application_leaves_behind_is_not_told_as_gone(
    notifications: dict[str, Any],
) -> None:
    (condition,) = notifications["trigger.slipway-deleted"]
    body = notifications["template.slipway"]["webhook"]["slipway"]["body"]

    assert "startsWith 'resources-finalizer.argocd.argoproj.io'" in condition["when"]
    assert '"deletionTimestamp" "finalizers"' in body


def test_the_header_is_nowhere_but_in_a_secret_that_is_not_applied(
    objects: list[overlay.Object], notifications: dict[str, Any]
) -> None:
    example = yaml.safe_load((ROOT / FOLDER / "secret.example.yaml").read_text(encoding="utf-8"))
    (key,) = example["stringData"]
    headers = {
        each["name"]: each["value"] for each in notifications["service.webhook.slipway"]["headers"]
    }

    assert headers["Authorization"] == f"${key}"
    assert "Bearer" in example["stringData"][key]
    assert not [each for each in objects if each["kind"] == "Secret"]


def test_the_sync_windows_of_the_example_are_valid() -> None:
    text = (ROOT / FOLDER / "appproject.yaml").read_text(encoding="utf-8")
    enabled = re.sub(r"^  # ( *(?:syncWindows:|- kind|  \w+:))", r"  \1", text, flags=re.MULTILINE)
    (version, *_) = schemas.ensure()

    assert len(yaml.safe_load(enabled)["spec"]["syncWindows"]) == 1
    assert faults(enabled, version) == []
    broken = enabled.replace("manualSync: true", "manualSync: often")
    assert faults(broken, version)


def test_the_readme_says_why_how_to_enable_and_how_to_verify() -> None:
    text = (ROOT / FOLDER / "README.md").read_text(encoding="utf-8")

    assert text.startswith("# argocd\n")
    for part in ("**Why.**", "**How to enable.**", "**How to verify.**"):
        assert part in text
    for path in (ROOT / FOLDER).glob("*.yaml"):
        assert f"`{path.name}`" in text or path.name == "kustomization.yaml"
