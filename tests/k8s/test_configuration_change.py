"""A changed configuration value rolls the pods, wherever it is changed."""

import shutil
from pathlib import Path

import pytest
import yaml

from tests.k8s.conftest import ENVIRONMENTS
from tools import overlay
from tools.command import ROOT

CHANGES = {"base": "k8s/base/configmap.yaml", "overlay": "k8s/overlays/{env}/kustomization.yaml"}


def change_base(text: str) -> str:
    changed = text.replace("SLIPWAY_LOG_LEVEL: info", "SLIPWAY_LOG_LEVEL: debug")
    assert changed != text
    return changed


def change_overlay(text: str) -> str:
    kustomization = yaml.safe_load(text)
    generators = kustomization.setdefault("configMapGenerator", [])
    if not generators:
        generators.append({"name": "slipway", "behavior": "merge", "literals": []})
    generators[0]["literals"].append("SLIPWAY_LOG_LEVEL=debug")
    return yaml.safe_dump(kustomization)


@pytest.mark.parametrize("env", ENVIRONMENTS)
@pytest.mark.parametrize("where", CHANGES)
def test_the_configmap_gets_another_name_and_the_deployment_follows(
    tmp_path: Path, env: str, where: str
) -> None:
    shutil.copytree(ROOT / "k8s", tmp_path / "k8s")
    path = tmp_path / CHANGES[where].format(env=env)
    change = change_base if where == "base" else change_overlay
    path.write_text(change(path.read_text(encoding="utf-8")), encoding="utf-8")

    among = overlay.objects(overlay.render(tmp_path / overlay.OVERLAYS / env))
    changed = overlay.find(among, "ConfigMap")
    assert changed["data"]["SLIPWAY_LOG_LEVEL"] == "debug"
    name = changed["metadata"]["name"]
    assert name != overlay.find(overlay.rendered(env), "ConfigMap")["metadata"]["name"]
    pod = overlay.find(among, "Deployment")["spec"]["template"]["spec"]
    for container in pod["initContainers"] + pod["containers"]:
        assert container["envFrom"] == [{"configMapRef": {"name": name}}]
    if env == "dev":
        database = overlay.find(among, "StatefulSet", "postgres")
        assert database == overlay.find(overlay.rendered(env), "StatefulSet", "postgres"), (
            "the database must not restart"
        )


@pytest.mark.parametrize("env", ENVIRONMENTS)
def test_a_password_file_is_no_setting_of_the_configmap(env: str) -> None:
    """Scanners take a ConfigMap's key that names a password for a leaked one."""
    data = overlay.find(overlay.rendered(env), "ConfigMap")["data"]
    assert not [key for key in data if "PASSWORD" in key or "SECRET" in key or "TOKEN" in key]
