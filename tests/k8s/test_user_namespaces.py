"""The component that runs the pods in user namespaces of their own."""

import copy
from pathlib import Path

from tests.k8s.test_components import with_component
from tools import overlay

WORKLOADS = ("Deployment", "StatefulSet")
Objects = list[overlay.Object]


def host_users(among: Objects) -> set[object]:
    specs = [each["spec"]["template"]["spec"] for each in among if each["kind"] in WORKLOADS]
    return {spec.get("hostUsers") for spec in specs}


def test_every_pod_of_the_overlay_is_in_one(env: str) -> None:
    assert host_users(overlay.rendered(env)) == {None}, "not every node can do it"
    assert host_users(with_component("user-namespaces", env)) == {False}


def test_all_else_is_as_it_was(env: str) -> None:
    changed = copy.deepcopy(with_component("user-namespaces", env))
    for each in changed:
        if each["kind"] in WORKLOADS:
            del each["spec"]["template"]["spec"]["hostUsers"]
    assert changed == overlay.rendered(env)


def test_the_pods_of_a_component_before_it_are_too(env: str, tmp_path: Path) -> None:
    path = overlay.copy_with("notifications", env, tmp_path) / "kustomization.yaml"
    text = path.read_text(encoding="utf-8")
    one_more = "- ../../components/user-namespaces\n- release\n"
    path.write_text(text.replace("- release\n", one_more), encoding="utf-8")
    among = overlay.objects(overlay.render(path.parent))
    assert overlay.find(among, "Deployment", "slipway-notifier")
    assert host_users(among) == {False}
