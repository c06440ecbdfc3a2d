"""The deployed environment, as a client and as an operator see it."""

import json
import os
import subprocess
import sys
import time
import urllib.error
import urllib.request
from collections.abc import Callable, Generator, Iterator
from dataclasses import dataclass
from typing import Any

import pytest

from tests.e2e.images import Images
from tests.measured import report, tell  # noqa: F401 (a fixture)
from tools import overlay
from tools.cluster import rollout, secret
from tools.cluster.kube import Kube, connect, explain
from tools.cluster.probe import INGRESS, OPENER
from tools.command import ROOT, ToolError

ENV = "dev"
NAMESPACE = f"slipway-{ENV}"
DEPLOYMENT = f"deployment/{overlay.NAME}"


def required(variable: str) -> str:
    value = os.environ.get(variable)
    if not value:
        pytest.fail(f"{variable} is not set: run this through `make e2e`", pytrace=False)
    return value


@dataclass(frozen=True)
class Response:
    status: int
    headers: dict[str, str]
    body: str

    @property
    def json(self) -> Any:
        return json.loads(self.body)


@dataclass(frozen=True)
class Ingress:
    """The API through the ingress, as its users reach it; without a token, as a stranger does."""

    url: str
    host: str
    token: str | None = None

    def call(self, method: str, path: str, document: object = None) -> Response:
        headers = {"Host": self.host}
        if self.token:
            headers["Authorization"] = f"Bearer {self.token}"
        data = None
        if document is not None:
            headers["Content-Type"] = "application/json"
            data = json.dumps(document).encode()
        request = urllib.request.Request(
            self.url.rstrip("/") + path, data=data, headers=headers, method=method
        )
        try:
            with OPENER.open(request, timeout=10) as response:
                return Response(response.status, dict(response.headers), response.read().decode())
        except urllib.error.HTTPError as error:
            with error:
                return Response(error.code, dict(error.headers), error.read().decode())

    def get(self, path: str, seconds: float = 30) -> Response:
        """Ask until the answer is 200: the ingress learns of a new pod a moment late."""
        deadline = time.monotonic() + seconds
        while True:
            try:
                response = self.call("GET", path)
                if response.status == 200:
                    return response
                said = f"{response.status} {response.body}"
            except OSError as error:
                said = str(error)
            if time.monotonic() >= deadline:
                pytest.fail(f"GET {path} is not 200 after {seconds:g} s: {said}")
            time.sleep(0.5)


@dataclass(frozen=True)
class Operator:
    """What a person with kubectl sees and does."""

    kube: Kube

    def deployment(self) -> dict[str, Any]:
        return self.kube.get(DEPLOYMENT, "--namespace", NAMESPACE)

    def selector(self) -> str:
        return overlay.selector(self.deployment()["spec"]["selector"]["matchLabels"])

    def replica_set(self) -> dict[str, Any]:
        """Return the ReplicaSet of the Deployment's current revision."""
        current = rollout.replica_set(self.kube, NAMESPACE, overlay.NAME)
        assert current is not None
        return current

    def ready_pods(self) -> dict[str, dict[str, Any]]:
        return rollout.ready_pods(self.kube, NAMESPACE, overlay.NAME)

    def configmaps(self) -> set[str]:
        """Return the names of the ConfigMaps that the ready pods read their settings from."""
        return {
            source["configMapRef"]["name"]
            for pod in self.ready_pods().values()
            for container in pod["spec"]["containers"]
            for source in container["envFrom"]
        }

    def delete_pods(self) -> None:
        """Delete every pod of the API and wait until its replacements are ready."""
        scope = ("--namespace", NAMESPACE)
        self.kube.run("delete", "pods", *scope, "--selector", self.selector(), "--timeout", "90s")
        self.kube.run("rollout", "status", DEPLOYMENT, *scope, "--timeout", "120s")


@pytest.fixture(scope="session")
def kube() -> Kube:
    try:
        return connect()
    except ToolError as error:
        pytest.exit(f"error: {error}", returncode=1)


@pytest.fixture(scope="session")
def operator(kube: Kube) -> Operator:
    return Operator(kube)


@pytest.fixture(scope="session")
def ingress(kube: Kube) -> Ingress:
    url = os.environ.get("INGRESS_URL") or INGRESS
    token = secret.admin_token(kube, NAMESPACE)
    return Ingress(url, overlay.host(overlay.rendered(ENV)), token)


@pytest.fixture(scope="session")
def digest() -> str:
    return required("IMAGE_DIGEST")


@pytest.fixture(scope="session")
def images() -> Images:
    return Images(pushed=required("IMAGE"), name=required("IMAGE_NAME"))


@pytest.fixture
def deploy(digest: str) -> Iterator[Callable[..., None]]:
    """Roll out the same image again, with other settings; the usual ones are back afterwards."""
    command = [sys.executable, "-m", "tools.cluster.deploy", "--env", ENV, "--digest", digest]
    command += ["--image-name", required("IMAGE_NAME")]
    if tag := os.environ.get("IMAGE_TAG"):
        command += ["--tag", tag]

    def roll_out(*options: str) -> None:
        subprocess.run([*command, *options], cwd=ROOT, check=True)

    yield roll_out
    roll_out()


def pytest_terminal_summary(
    terminalreporter: pytest.TerminalReporter, config: pytest.Config
) -> None:
    tell(terminalreporter, config, "e2e.txt")


EXPLAINED = pytest.StashKey[bool]()


@pytest.hookimpl(wrapper=True)
def pytest_runtest_makereport(
    item: pytest.Item,
) -> Generator[None, pytest.TestReport, pytest.TestReport]:
    """On the first failure show the events and logs of what was tested, while they are of it."""
    outcome = yield
    funcargs: dict[str, Any] = getattr(item, "funcargs", {})
    kube = funcargs.get("kube")
    if outcome.failed and kube and not item.session.stash.get(EXPLAINED, False):
        item.session.stash[EXPLAINED] = True
        capture = item.config.pluginmanager.getplugin("capturemanager")
        assert capture is not None
        with capture.global_and_fixture_disabled():
            environment = funcargs.get("environment") or funcargs.get("release")
            explain(kube, environment.namespace if environment else NAMESPACE)
    return outcome
