"""An environment of its own for the tests: deployed, asked, and removed again."""

import json
import secrets
import subprocess
import sys
import time
from dataclasses import dataclass
from functools import cached_property
from typing import Any

import yaml

from tests.e2e.conftest import Ingress
from tests.e2e.load import DEPLOYMENTS
from tools import overlay, rollout, secret
from tools.command import ROOT
from tools.kube import Kube, is_ready

DEPLOYMENT = f"deployment/{overlay.NAME}"


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
        return any(each["kind"] == "StatefulSet" for each in self.objects)

    @property
    def ingress(self) -> Ingress:
        return Ingress(self.ingress_url, overlay.host(self.objects))

    @property
    def sizes(self) -> tuple[int, int]:
        spec = overlay.find(self.objects, "HorizontalPodAutoscaler")["spec"]
        return spec["minReplicas"], spec["maxReplicas"]

    def deploy(self, digest: str, *options: str) -> "subprocess.CompletedProcess[str]":
        """Roll out a digest as `make deploy` does, and return how that went."""
        command = [sys.executable, "-m", "tools.deploy", "--env", self.name, "--digest", digest]
        command += ["--image-name", self.image_name, *options]
        if not self.has_own_database:
            host = f"postgres.{self.database_namespace}.svc.cluster.local"
            command += ["--set", f"SLIPWAY_DATABASE_HOST={host}"]
            command += ["--set", "SLIPWAY_DATABASE_SSLMODE=disable"]
        return subprocess.run(command, cwd=ROOT, capture_output=True, text=True, check=False)

    def must_deploy(self, digest: str, *options: str) -> None:
        done = self.deploy(digest, *options)
        assert done.returncode == 0, done.stdout + done.stderr

    def set_up(self) -> None:
        """Make the Secret and, in place of a managed PostgreSQL, dev's in a namespace beside it."""
        password = secrets.token_urlsafe(24)
        secret.ensure(self.kube, self.name, password)
        if self.has_own_database:
            return
        namespace = {"apiVersion": "v1", "kind": "Namespace"}
        namespace["metadata"] = {"name": self.database_namespace}  # type: ignore[assignment]
        database = [
            {**each, "metadata": {**each["metadata"], "namespace": self.database_namespace}}
            for each in overlay.rendered("dev")
            if each["kind"] in ("Service", "StatefulSet") and each["metadata"]["name"] == "postgres"
        ]
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
        for namespace in (self.namespace, self.database_namespace):
            self.kube.run("delete", "namespace", namespace, "--ignore-not-found", "--timeout=180s")

    def ready_pods(self) -> dict[str, Any]:
        spec = self.kube.get(DEPLOYMENT, "--namespace", self.namespace)["spec"]
        labels = overlay.selector(spec["selector"]["matchLabels"])
        found = self.kube.get("pods", "--namespace", self.namespace, "--selector", labels)
        return {pod["metadata"]["name"]: pod for pod in found["items"] if is_ready(pod)}

    def await_pods(self, least: int, most: int, seconds: float) -> int:
        """Wait until the number of ready pods is in a range; return the seconds it took."""
        started = time.monotonic()
        while not least <= (count := len(self.ready_pods())) <= most:
            waited = time.monotonic() - started
            assert waited < seconds, f"{count} ready pods after {seconds:g} s"
            time.sleep(1)
        return round(time.monotonic() - started)

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
