"""The cluster of `make cluster` is where the Makefile's other targets look for it."""

import re

import yaml

from tools.command import ROOT
from tools.probe import INGRESS

K3D = yaml.safe_load((ROOT / "k3d.yaml").read_text(encoding="utf-8"))


def test_the_ingress_is_where_the_probe_asks_and_on_this_machine_only() -> None:
    (port,) = K3D["ports"]
    assert port["port"] == f"{INGRESS.removeprefix('http://')}:80"
    assert port["port"].startswith("127.0.0.1:")
    assert port["nodeFilters"] == ["loadbalancer"]


def test_the_registry_has_the_name_that_images_are_pushed_under_inside_the_cluster_too() -> None:
    makefile = (ROOT / "Makefile").read_text(encoding="utf-8")
    default = re.search(r"^REGISTRY\s*\?=\s*(\S+)$", makefile, re.MULTILINE)
    assert default
    created = K3D["registries"]["create"]
    assert default[1] == f"localhost:{created['hostPort']}"
    assert created["host"] == "127.0.0.1"
    mirrors = yaml.safe_load(K3D["registries"]["config"])["mirrors"]
    assert mirrors == {default[1]: {"endpoint": [f"http://{created['name']}:5000"]}}
