"""`make cluster`, by K3d itself: what it makes is what the Makefile's targets rely on."""

import os
import re
import subprocess
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

import pytest
import yaml

from tests.k3d.api import served
from tests.k3d.engine import Engine, addresses
from tools.cluster.probe import INGRESS
from tools.command import ROOT

K3D = ROOT / ".tools" / "k3d"
CONFIG = (ROOT / "k3d.yaml").read_text(encoding="utf-8")
BALANCER, SERVER = "k3d-slipway-serverlb", "k3d-slipway-server-0"
CONTEXT = "k3d-slipway"
pytestmark = pytest.mark.skipif(
    not K3D.exists(), reason="`make .tools/k3d` builds what is tested here"
)
# A line of k3d.yaml, what somebody may write for it, and what is found then.
BROKEN = {
    "the API is open": ("hostIP: 127.0.0.1", "hostIP: 0.0.0.0", "listens on 0.0.0.0:"),
    "the API is open again": ("kubeAPI:\n(.*\n)*?registries", "registries", "listens on 0.0.0.0:"),
    "the ingress is open": ("port: 127.0.0.1:8081:80", "port: 8081:80", "listens on 0.0.0.0:8081"),
    "another port": ("8081:80", "8082:80", "the ingress is at 127.0.0.1:8082"),
    "another port inside": ("8081:80", "8081:8080", "the ingress is nowhere"),
    "past the balancer": (r"\[loadbalancer\]", '["server:0:direct"]', "the ingress is nowhere"),
    "the registry is open": ("    host: 127.0.0.1", "    host: 0.0.0.0", "listens on 0.0.0.0:5050"),
    "another registry": ('hostPort: "5050"', 'hostPort: "5051"', "the registry is at"),
    "a mirror of nothing": ("slipway-registry:5000\n", "slipway:5000\n", "pulls localhost:5050"),
    "another name": ("name: slipway\n", "name: ledger\n", "there is no k3d-slipway-serverlb"),
}
# What K3d itself does not take.
MISSPELT = {
    "a field": ("hostIP", "hostIp"),
    "a kind": ("kubeAPI", "kubeApi"),
    "no address": ("hostIP: 127.0.0.1", "hostIP: localhost"),
    "no port": ("8081:80", "8081:http"),
    "no node": (r"\[loadbalancer\]", "[balancer]"),
}


@dataclass(frozen=True)
class Machine:
    """A machine with an engine, and a home that nobody else has."""

    engine: Engine
    home: Path
    environment: dict[str, str]

    def run(self, *argv: str | Path) -> subprocess.CompletedProcess[str]:
        """Run a command here."""
        return subprocess.run(
            argv, cwd=ROOT, env=self.environment, capture_output=True, text=True, check=False
        )

    def create(self, config: str) -> subprocess.CompletedProcess[str]:
        """Create the cluster of a configuration."""
        file = self.home / "k3d.yaml"
        file.write_text(config, encoding="utf-8")
        return self.run(K3D, "cluster", "create", "--config", file)

    def contexts(self) -> dict[str, str]:
        """Return the contexts of its kubeconfig, with the address of each cluster's API."""
        file = self.home / "kubeconfig"
        known = yaml.safe_load(file.read_text(encoding="utf-8")) if file.exists() else {}
        servers = {each["name"]: each["cluster"]["server"] for each in known.get("clusters") or ()}
        contexts = {each["name"]: each["context"] for each in known.get("contexts") or ()}
        return {name: servers[each["cluster"]] for name, each in contexts.items()}


@contextmanager
def machine(home: Path) -> Iterator[Machine]:
    """Have a machine where `k3d` is the one that was built, and which reaches no other."""
    home.mkdir(exist_ok=True)
    (home / "k3d").symlink_to(K3D)
    with served() as (engine, host):
        environment = {
            "PATH": f"{home}:{os.environ['PATH']}",
            "HOME": str(home),
            "TMPDIR": str(home),  # k3d leaves a copy of its configuration there
            "KUBECONFIG": str(home / "kubeconfig"),
            "DOCKER_HOST": host,
            "HTTPS_PROXY": "http://127.0.0.1:9",
        }
        yield Machine(engine, home, environment)


def faults(machine: Machine) -> Iterator[str]:
    """Yield where the cluster is not as the Makefile's targets take it to be."""
    containers = machine.engine.containers
    if BALANCER not in containers:
        yield f"there is no {BALANCER}"
        return
    for each in containers.values():
        for address in addresses(each):
            if not address.startswith("127.0.0.1:"):
                yield f"{each.name} listens on {address}"
    ports = containers[BALANCER].ports
    told = ports.get("80/tcp", ["nowhere"])
    if told != [INGRESS.removeprefix("http://")]:
        yield f"the ingress is {'' if told == ['nowhere'] else 'at '}{told[0]}"
    if machine.contexts().get(CONTEXT) != f"https://{ports['6443'][0]}":
        yield f"kubectl asks {machine.contexts()}"
    yield from registry_faults(machine.engine)


def registry_faults(engine: Engine) -> Iterator[str]:
    """Yield where what is pushed to the Makefile's registry is not what the cluster pulls."""
    makefile = (ROOT / "Makefile").read_text(encoding="utf-8")
    (name,) = re.findall(r"^REGISTRY\s*\?=\s*(\S+)$", makefile, re.MULTILINE)
    _, port = name.split(":")
    (registry,) = (each for each in engine.containers.values() if each.role == "registry")
    if registry.ports != {"5000/tcp": [f"127.0.0.1:{port}"]}:
        yield f"the registry is at {registry.ports}"
    written = yaml.safe_load(engine.containers[SERVER].files["/etc/rancher/k3s/registries.yaml"])
    pulled = written["mirrors"].get(name, {}).get("endpoint")
    if pulled != [f"http://{registry.name}:5000"]:
        yield f"the cluster pulls {name} from {pulled}"
    if registry.name not in engine.network("k3d-slipway").addresses:
        yield "the cluster does not reach the registry"


def test_the_cluster_is_made_as_the_targets_rely_on_and_is_taken_away(tmp_path: Path) -> None:
    with machine(tmp_path) as here:
        made = here.run("make", "cluster")

        assert "Cluster 'slipway' created successfully!" in made.stdout + made.stderr
        assert made.returncode == 0
        assert list(faults(here)) == []

        gone = here.run("make", "cluster-down")

        assert gone.returncode == 0, gone.stderr
        assert (here.engine.containers, here.engine.volumes) == ({}, {})
        assert (list(here.engine.networks), here.contexts()) == (["bridge"], {})
        assert here.engine.unknown == []


def test_each_broken_copy_is_noticed(tmp_path: Path) -> None:
    def found(fault: str) -> tuple[str, bool]:
        line, by, expected = BROKEN[fault]
        with machine(tmp_path / fault) as here:
            done = here.create(re.sub(line, by, CONFIG, count=1))
            told = "; ".join(faults(here))
        return f"{fault}: {told or done.stderr}", expected in told and done.returncode == 0

    with ThreadPoolExecutor(len(BROKEN)) as pool:  # each waits for two seconds, and does little
        missed = [told for told, is_noticed in pool.map(found, BROKEN) if not is_noticed]
    assert missed == []


@pytest.mark.parametrize("fault", MISSPELT)
def test_what_k3d_does_not_know_makes_nothing(fault: str, tmp_path: Path) -> None:
    line, by = MISSPELT[fault]
    with machine(tmp_path) as here:
        done = here.create(re.sub(line, by, CONFIG, count=1))

        assert done.returncode != 0
        assert here.engine.containers == {}


def test_a_channel_of_kubernetes_is_asked_for_by_its_name(tmp_path: Path) -> None:
    with machine(tmp_path) as here:
        done = here.run("make", "cluster", "CHANNEL=stable")

    assert "K3s version for channel stable" in done.stdout + done.stderr
    assert done.returncode != 0
