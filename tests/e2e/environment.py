"""An environment of its own for the tests: deployed, asked, and removed again."""

import copy
import json
import secrets
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from functools import cached_property
from typing import Any

import yaml

from tests.e2e.conftest import Ingress
from tests.e2e.drain import Drain
from tests.e2e.load import DEPLOYMENTS, Load
from tools import overlay
from tools.cluster import prune, rollout, secret
from tools.cluster.kube import Kube
from tools.cluster.revision import overlay_at
from tools.command import ROOT, ToolError


def quantity(text: str) -> float:
    """Return a Kubernetes quantity such as 250m, 12345n or 64Mi as a number."""
    for suffix, factor in {"n": 1e-9, "u": 1e-6, "m": 1e-3, "Ki": 2**10, "Mi": 2**20}.items():
        if text.endswith(suffix):
            return float(text.removesuffix(suffix)) * factor
    return float(text)


@dataclass(frozen=True)
class Environment:
    """One overlay on the current cluster; what expects a managed database gets one beside it."""

    kube: Kube
    name: str
    image_name: str
    ingress_url: str

    @cached_property
    def objects(self) -> list[overlay.Object]:
        return overlay.rendered(self.name)

    @property
    def namespace(self) -> str:
        return overlay.namespace(self.name)

    @property
    def database_namespace(self) -> str:
        return f"{self.namespace}-database"

    @property
    def has_own_database(self) -> bool:
        return self.has("StatefulSet")

    @property
    def ingress(self) -> Ingress:
        return Ingress(self.ingress_url, overlay.host(self.objects), self.token)

    @cached_property
    def token(self) -> str:
        """Return the admin token, which `set_up` makes."""
        return secret.admin_token(self.kube, self.namespace)

    def load(self, **options: Any) -> Load:
        """Return steady requests to this environment, by its admin."""
        return Load(
            self.ingress.url, self.ingress.host, token=self.token, explain=self.logs_of, **options
        )

    def logs_of(self, request_id: str) -> str:
        """Return what the pods logged about a request."""
        selector = f"app.kubernetes.io/name={overlay.NAME}"
        pods = ("--namespace", self.namespace, "--selector", selector, "--container", "api")
        try:
            lines = self.kube.run("logs", *pods, "--since", "1m", "--max-log-requests", "20")
        except ToolError as error:  # a pod may just have gone
            return str(error)
        return "\n".join(line for line in lines.splitlines() if request_id in line)

    @property
    def sizes(self) -> tuple[int, int]:
        spec = overlay.find(self.objects, "HorizontalPodAutoscaler")["spec"]
        return spec["minReplicas"], spec["maxReplicas"]

    def objects_at(self, revision: str | None) -> list[overlay.Object]:
        """Return the objects of the overlay, as it is or as it was at a git revision."""
        if revision is None:
            return self.objects
        with overlay_at(revision, self.name) as folder:
            return overlay.objects(overlay.render(folder))

    def deploy(
        self, digest: str, *options: str, revision: str | None = None
    ) -> "subprocess.CompletedProcess[str]":
        """Roll out a digest as `make deploy` does, and return how that went."""
        command = [sys.executable, "-m", "tools.cluster.deploy", "--env", self.name]
        command += ["--digest", digest, "--image-name", self.image_name, *options]
        if revision:
            command += ["--revision", revision]
        # The load comes from one address with one token, as fast as the pods answer.
        settings = {"SLIPWAY_RATE_LIMIT": "1000000 per minute"}
        if not self.has_own_database:
            host = f"postgres.{self.database_namespace}.svc.cluster.local"
            settings |= {"SLIPWAY_DATABASE_HOST": host, "SLIPWAY_DATABASE_SSLMODE": "disable"}
        known = overlay.find(self.objects_at(revision), "ConfigMap")["data"]
        for key in settings.keys() & known.keys():  # an older release may have fewer
            command += ["--set", f"{key}={settings[key]}"]
        return subprocess.run(command, cwd=ROOT, capture_output=True, text=True, check=False)

    def must_deploy(self, digest: str, *options: str, revision: str | None = None) -> str:
        """Roll out a digest, which must succeed, and return what the tool printed."""
        done = self.deploy(digest, *options, revision=revision)
        assert done.returncode == 0, done.stdout + done.stderr
        return done.stdout

    def set_up(self, *, reserve_cpu: bool = True) -> None:
        """Make the Secrets and, in place of a managed PostgreSQL, dev's in another namespace.

        Without a reserved share of a core it leaves the node's to what is tested.
        """
        password = secrets.token_urlsafe(24)
        secret.ensure(self.kube, self.name, password)
        if self.has_own_database:
            return
        namespace = {
            "apiVersion": "v1",
            "kind": "Namespace",
            "metadata": {"name": self.database_namespace},
        }
        database = [
            {**each, "metadata": {**each["metadata"], "namespace": self.database_namespace}}
            for each in copy.deepcopy(overlay.rendered("dev"))
            if each["kind"] in ("Service", "StatefulSet") and each["metadata"]["name"] == "postgres"
        ]
        if not reserve_cpu:
            server = overlay.find(database, "StatefulSet", "postgres")
            (container,) = server["spec"]["template"]["spec"]["containers"]
            container["resources"]["requests"]["cpu"] = "0"
        theirs = {
            "apiVersion": "v1",
            "kind": "Secret",
            "metadata": {"name": secret.SECRET, "namespace": self.database_namespace},
            "stringData": {secret.KEY: password},
        }
        manifests = yaml.safe_dump_all([namespace, theirs, *database])
        self.kube.run("apply", "--filename", "-", stdin=manifests)
        rollout.wait(self.kube, self.database_namespace, "statefulset/postgres", 180)

    def exists(self) -> bool:
        found = self.kube.run("get", "namespace", self.namespace, "--ignore-not-found")
        return bool(found.strip())

    def remove(self) -> None:
        both = (self.namespace, self.database_namespace)
        self.kube.run("delete", "namespace", *both, "--ignore-not-found", "--timeout=180s")
        self.remove_policies()

    def remove_policies(self) -> None:
        """Remove what the overlay has that is the cluster's."""
        for each in self.objects:
            if each["kind"] in prune.OF_CLUSTER:
                name = each["metadata"]["name"]
                self.kube.run("delete", each["kind"], name, "--ignore-not-found")

    def ready_pods(self) -> dict[str, Any]:
        return rollout.ready_pods(self.kube, self.namespace, overlay.NAME)

    def await_pods(self, least: int, most: int, seconds: float) -> int:
        """Wait until the number of ready pods is in a range; return the seconds it took."""
        started = time.monotonic()
        while not least <= (count := len(self.ready_pods())) <= most:
            waited = time.monotonic() - started
            assert waited < seconds, f"{count} ready pods after {seconds:g} s"
            time.sleep(1)
        return round(time.monotonic() - started)

    def has(self, kind: str) -> bool:
        return any(each["kind"] == kind for each in self.objects)

    def node(self) -> str:
        """Return a node that the API's pods run on."""
        pod = next(iter(self.ready_pods().values()))
        return str(pod["spec"]["nodeName"])

    @contextmanager
    def draining(self, node: str) -> Iterator[Drain]:
        """Drain a node of the API's pods; at the end of the block it takes pods again."""
        labels = overlay.find(self.objects, "Deployment")["spec"]["selector"]["matchLabels"]
        drain = Drain(
            self.kube.argv(
                *("drain", node, "--ignore-daemonsets", "--delete-emptydir-data"),
                *("--pod-selector", overlay.selector({**labels, "env": self.name})),
                *("--timeout", "240s"),
            )
        )
        try:
            yield drain
        finally:
            self.kube.run("uncordon", node)

    def shorten_scale_down(self) -> None:
        """Scale down after seconds, until the next rollout brings the overlay's own window back."""
        quickly = {
            "stabilizationWindowSeconds": 10,
            "policies": [{"type": "Pods", "value": 4, "periodSeconds": 15}],
        }
        patch = json.dumps({"spec": {"behavior": {"scaleDown": quickly}}})
        name = ("hpa", overlay.NAME, "--namespace", self.namespace)
        self.kube.run("patch", *name, "--type", "merge", "--patch", patch)

    def peak_usage(self, seconds: float) -> tuple[float, float]:
        """Return the most cores and MiB that one pod's API container used, by metrics-server."""
        path = f"/apis/metrics.k8s.io/v1beta1/namespaces/{self.namespace}/pods"
        cores, mebibytes = 0.0, 0.0
        deadline = time.monotonic() + seconds
        while time.monotonic() < deadline:
            for pod in json.loads(self.kube.run("get", "--raw", path))["items"]:
                for container in pod["containers"]:
                    if container["name"] == "api":
                        cores = max(cores, quantity(container["usage"]["cpu"]))
                        mebibytes = max(mebibytes, quantity(container["usage"]["memory"]) / 2**20)
            time.sleep(5)
        return cores, mebibytes

    def stored(self, service: str) -> set[str]:
        """Return the ids of all deployments of a service, page by page."""
        found: set[str] = set()
        cursor = ""
        while True:
            query = f"?service={service}&limit=200" + (f"&cursor={cursor}" if cursor else "")
            page = json.loads(self.ingress.get(DEPLOYMENTS + query).body)
            found |= {item["id"] for item in page["items"]}
            cursor = page["next_cursor"]
            if not cursor:
                return found
