"""Pods that stand for the ends of flows, and what gets through between them on a real network."""

import json
import time
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

import yaml

from tests.k8s.flows import API_SERVER, DATABASE_PORT, DNS, PORT
from tests.k8s.network import End, Flow
from tools.cluster.kube import Kube

ELSEWHERE = "slipway-elsewhere"  # a namespace without policies
LISTENED = {PORT, DATABASE_PORT}
# Listens on every port that it is given, and reads nothing.
SERVER = """
import selectors, socket, sys
chosen = selectors.DefaultSelector()
for port in sys.argv[1:]:
    chosen.register(socket.create_server(("", int(port)), backlog=64), selectors.EVENT_READ)
while True:
    for key, _ in chosen.select():
        key.fileobj.accept()[0].close()
"""
# Tries [protocol, address, port] each, all at once; a question to DNS has to be answered.
PROBE = """
import concurrent.futures, json, socket, sys
QUESTION = bytes.fromhex("123401000001000000000000") + b"".join(
    bytes([len(word)]) + word for word in b"kubernetes.default.svc.cluster.local".split(b".")
) + bytes.fromhex("0000010001")

def passes(target):
    protocol, address, port = target
    kind = socket.SOCK_DGRAM if protocol == "UDP" else socket.SOCK_STREAM
    with socket.socket(socket.AF_INET, kind) as attempt:
        attempt.settimeout(2)
        try:
            attempt.connect((address, port))
            if protocol == "UDP":
                attempt.send(QUESTION)
                attempt.recv(512)
        except OSError:
            return False
        return True

with concurrent.futures.ThreadPoolExecutor(32) as pool:
    print(json.dumps(list(pool.map(passes, json.loads(sys.argv[1])))))
"""


@dataclass
class Network:
    """The ends that stand for those of a table, and the pods that are asked to try a flow."""

    kube: Kube
    image: str
    pods: dict[str, tuple[str, str]] = field(default_factory=dict)  # namespace and name
    addresses: dict[str, str] = field(default_factory=dict)

    def pod(self, name: str, namespace: str, labels: Mapping[str, str]) -> dict[str, Any]:
        """Return a pod that listens, and that every Pod Security standard allows."""
        container = {
            "name": "listener",
            "image": self.image,
            "command": ["python", "-c", SERVER, *map(str, sorted(LISTENED))],
            "readinessProbe": {"tcpSocket": {"port": PORT}, "periodSeconds": 1},
            "resources": {
                "requests": {"cpu": "10m", "memory": "16Mi"},
                "limits": {"cpu": "200m", "memory": "64Mi"},
            },
            "securityContext": {
                "allowPrivilegeEscalation": False,
                "capabilities": {"drop": ["ALL"]},
                "readOnlyRootFilesystem": True,
            },
        }
        return {
            "apiVersion": "v1",
            "kind": "Pod",
            "metadata": {"name": name, "namespace": namespace, "labels": dict(labels)},
            "spec": {
                "automountServiceAccountToken": False,
                "terminationGracePeriodSeconds": 0,
                "securityContext": {
                    "runAsNonRoot": True,
                    "runAsUser": 10001,
                    "runAsGroup": 10001,
                    "seccompProfile": {"type": "RuntimeDefault"},
                },
                "containers": [container],
            },
        }

    def apply(self, *objects: dict[str, Any]) -> None:
        """Create objects on the cluster."""
        self.kube.run("apply", "--filename", "-", stdin=yaml.safe_dump_all(objects))

    def start(self, ends: Mapping[str, End]) -> None:
        """Start a pod for each end, by its key, and wait until all listen."""
        named = {key: f"end-{number}" for number, key in enumerate(ends)}
        where = {key: self.stand_in(end.namespace) for key, end in ends.items()}
        self.apply(
            *(self.pod(named[key], where[key], end.labels) for key, end in ends.items()),
        )
        for key in ends:
            scope = ("--namespace", where[key])
            self.kube.run(
                "wait", "--for=condition=Ready", f"pod/{named[key]}", *scope, "--timeout=90s"
            )
            found = self.kube.get("pod", named[key], *scope)
            self.know(key, where[key], named[key], found["status"]["podIP"])

    def stand_in(self, namespace: str) -> str:
        """Return where a pod of a namespace runs: of those that no policy names, one for all."""
        return ELSEWHERE if namespace in ("default", "slipway-other") else namespace

    def know(self, key: str, namespace: str, name: str, address: str) -> None:
        """Let a pod that is there stand for an end."""
        self.pods[key], self.addresses[key] = (namespace, name), address

    def stop(self) -> None:
        """Remove the pods that `start` made."""
        for namespace, name in self.pods.values():
            if name.startswith("end-"):
                scope = ("--namespace", namespace, "--ignore-not-found")
                self.kube.run("delete", "pod", name, *scope, "--wait=false")

    def tried(self, source: str, targets: list[tuple[str, str, int]]) -> list[bool]:
        """Return which targets, each a protocol, an address and a port, a pod gets through to."""
        namespace, name = self.pods[source]
        code = ("python", "-c", PROBE, json.dumps(targets))
        said = self.kube.run("exec", "--namespace", namespace, name, "--", *code)
        found: list[bool] = json.loads(said.splitlines()[-1])
        return found

    def passing(self, flows: Mapping[str, Flow]) -> set[str]:
        """Return the names of the flows that get through."""
        by_source: dict[str, list[str]] = {}
        for name, flow in flows.items():
            by_source.setdefault(key_of(flow.source), []).append(name)
        passed = set()
        for source, names in by_source.items():
            targets = [
                (flow.protocol, self.addresses[key_of(flow.destination)], flow.port)
                for flow in (flows[name] for name in names)
            ]
            tried = zip(names, self.tried(source, targets), strict=True)
            passed |= {name for name, passes in tried if passes}
        return passed

    def judged(self, flows: Mapping[str, Flow], expected: set[str], seconds: float) -> set[str]:
        """Return the flows that are not as expected; a new pod's policies take a moment."""
        deadline = time.monotonic() + seconds
        while wrong := self.passing(flows) ^ expected:
            if time.monotonic() > deadline:
                break
            time.sleep(1)
        return wrong


def key_of(end: End) -> str:
    """Return what tells one end from the others: it may be made anew for each flow."""
    if end in (API_SERVER, DNS):
        return end.address
    labels = ",".join(f"{key}={value}" for key, value in sorted(end.labels.items()))
    return f"{end.namespace}/{labels}" if end.namespace else ""
