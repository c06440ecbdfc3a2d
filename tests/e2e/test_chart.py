"""The Helm chart as somebody uses it: installed, asked, upgraded, rolled back and uninstalled.

It is pulled from the registry by its digest. In a namespace of its own, with dev's values but for
the host, which dev has.
"""

import json
import re
import subprocess
import time
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest

from tests.e2e.conftest import Ingress, required
from tests.tools.chart.comparison import helm
from tools import overlay
from tools.cluster import rollout, secret
from tools.cluster.kube import Kube
from tools.command import ROOT

NAMESPACE = "slipway-chart"
HOST = "slipway-chart.localhost"
CHART = ROOT / ".build" / "chart" / "slipway"
DEPLOYMENTS = "/api/v1/deployments"
NEW = {"service": "search", "environment": "dev", "version": "1.0.0", "status": "succeeded"}


@dataclass(frozen=True)
class Release:
    """A release of the chart in its namespace."""

    kube: Kube
    ingress_url: str
    chart: str  # its address in the registry, by digest
    namespace: str = NAMESPACE

    def helm(self, *argv: str | Path) -> subprocess.CompletedProcess[str]:
        scope = ["--namespace", NAMESPACE, "--kube-context", self.kube.context]
        return helm(*argv, *scope)

    def must(self, *argv: str | Path) -> str:
        done = self.helm(*argv)
        assert done.returncode == 0, done.stdout + done.stderr
        return done.stdout

    def upgrade(self, *options: str) -> "subprocess.CompletedProcess[str]":
        """Install or upgrade to the image that was pushed, and wait until it serves."""
        values: list[str | Path] = [
            "--values",
            CHART / "values-dev.yaml",
            f"--set=ingress.host={HOST}",
        ]
        image = [
            f"--set=image.repository={required('IMAGE_NAME')}",
            f"--set=image.digest={required('IMAGE_DIGEST')}",
        ]
        words = ["upgrade", "slipway", self.chart, "--plain-http", "--install"]
        words += ["--wait", "--timeout", "180s"]
        return self.helm(*words, *values, *image, *options)

    def must_upgrade(self, *options: str) -> str:
        done = self.upgrade(*options)
        assert done.returncode == 0, done.stdout + done.stderr
        return done.stdout

    @property
    def ingress(self) -> Ingress:
        return Ingress(self.ingress_url, HOST, secret.admin_token(self.kube, NAMESPACE))

    @property
    def revision(self) -> dict[str, Any]:
        """Return what Helm knows of the newest revision."""
        newest: dict[str, Any] = json.loads(self.must("history", "slipway", "--output=json"))[-1]
        return newest

    def objects(self) -> str:
        """Return the names of all that the chart's kinds have in the namespace."""
        kinds = "deployment,statefulset,service,ingress,hpa,networkpolicy,pod,configmap"
        listed = self.kube.get(kinds, "--namespace", NAMESPACE)["items"]
        return " ".join(sorted(f"{it['kind']}/{it['metadata']['name']}" for it in listed))

    def pods(self) -> set[str]:
        return set(rollout.ready_pods(self.kube, NAMESPACE, overlay.NAME))


@pytest.fixture(scope="module")
def pushed(tmp_path_factory: pytest.TempPathFactory) -> str:
    """Push the chart that `make chart` wrote, and return its address by digest."""
    if not CHART.exists():
        pytest.fail("there is no chart: run this through `make e2e`", pytrace=False)
    folder = tmp_path_factory.mktemp("chart")
    assert helm("package", CHART, "--destination", folder).returncode == 0
    (package,) = folder.iterdir()
    charts = f"oci://{required('REGISTRY')}/e2e/charts"
    done = helm("push", "--plain-http", package, charts)
    (digest,) = re.findall("^Digest: (.*)$", done.stdout + done.stderr, re.MULTILINE)
    return f"{charts}/slipway@{digest}"


@pytest.fixture(scope="module")
def release(kube: Kube, pushed: str) -> Iterator[Release]:
    """Make the namespace as the chart's notes say, with both Secrets, and install the chart."""
    kube.run("delete", "namespace", NAMESPACE, "--ignore-not-found", "--timeout=180s")
    kube.run("create", "namespace", NAMESPACE)
    restricted = "pod-security.kubernetes.io/enforce=restricted"
    kube.run("label", "namespace", NAMESPACE, restricted)
    secret.create(kube, NAMESPACE, secret.SECRET, {secret.KEY: "a password of this test"})
    secret.create(kube, NAMESPACE, secret.ADMIN, {secret.ADMIN_KEY: 32 * "t"})
    made = Release(kube, required("INGRESS_URL"), pushed)
    try:
        made.must_upgrade()
        yield made
    finally:
        kube.run("delete", "namespace", NAMESPACE, "--ignore-not-found", "--wait=false")


def count(release: Release) -> int:
    """Return how many deployments the ledger has."""
    items: list[object] = release.ingress.get(DEPLOYMENTS).json["items"]
    return len(items)


def test_it_serves_and_its_own_test_passes(release: Release) -> None:
    release.ingress.get("/readyz")

    said = release.must("test", "slipway", "--logs")

    assert "/readyz 200" in said
    assert "Phase:          Succeeded" in said
    assert "probe" not in release.objects(), "what the test needs is there only while it runs"


def test_the_admission_had_nothing_to_say(release: Release) -> None:
    """The namespace enforces `restricted`, and every pod that was asked for is there."""
    events = release.kube.get("events", "--namespace", NAMESPACE)["items"]

    assert [each["message"] for each in events if "violates PodSecurity" in each["message"]] == []


def test_a_changed_setting_rolls_the_pods_and_a_rollback_brings_the_old_ones_back(
    release: Release, report: list[str]
) -> None:
    before, first = release.pods(), release.revision["revision"]
    answer = release.ingress.call("POST", DEPLOYMENTS, NEW)
    assert answer.status == 201, answer.body

    began = time.monotonic()
    release.must_upgrade("--set-string=settings.SLIPWAY_PUBLIC_READ=false")
    took = time.monotonic() - began
    stranger = Ingress(release.ingress_url, HOST)
    # The ingress may go on to the old pod for a moment.
    deadline = time.monotonic() + 15
    while (status := stranger.call("GET", DEPLOYMENTS).status) == 200:
        assert time.monotonic() < deadline, "the pods still have the old setting"
        time.sleep(0.5)
    assert status == 401
    assert release.pods().isdisjoint(before)

    release.must("rollback", "slipway", str(first), "--wait", "--timeout", "180s")
    assert stranger.get(DEPLOYMENTS).json["items"]
    report.append(f"dev: as a chart, a changed setting was rolled out in {took:.0f} s")


def test_an_upgrade_that_changes_nothing_restarts_nothing(release: Release) -> None:
    before = release.pods()

    release.must_upgrade()

    assert release.pods() == before


def test_a_bad_value_is_refused_before_anything_changes(release: Release) -> None:
    before = release.revision["revision"]

    done = release.upgrade("--set=replicas.min=0")

    assert done.returncode != 0
    assert "/replicas/min" in done.stderr
    assert release.revision["revision"] == before


def test_a_release_that_does_not_come_up_is_reported_and_the_old_pods_serve(
    release: Release,
) -> None:
    before = release.pods()

    nothing = "sha256:" + 64 * "0"
    done = release.upgrade(
        f"--set=image.digest={nothing}", "--timeout=20s", "--rollback-on-failure"
    )

    assert done.returncode != 0, done.stdout
    assert release.pods() == before
    assert release.revision["status"] == "deployed"
    assert "/readyz 200" in release.must("test", "slipway", "--logs")


def test_what_was_recorded_is_there_after_it_was_uninstalled_and_installed_again(
    release: Release,
) -> None:
    recorded = count(release)
    assert recorded

    # Not Helm 4's own watcher: it gives up at once, or never, on what foreground deletion still
    # holds (helm/helm#31766), and the pods must be gone before the next ones take their volume.
    words = ["--cascade=foreground", "--wait=legacy", "--timeout=180s"]
    release.must("uninstall", "slipway", *words)
    assert release.objects() == "ConfigMap/kube-root-ca.crt"
    release.must_upgrade()

    assert count(release) == recorded
