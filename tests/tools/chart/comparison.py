"""What a chart renders to, beside what Kustomize does.

Three differences are declared. The Namespace is the owner's: a release keeps its record in it, and
uninstalling would delete it, with the database's volume. The ConfigMap's name has no hash: Helm
deletes the old one before the old pods are gone. In its place, each pod template that reads it has
an annotation that changes with the settings.
"""

import re
import subprocess
from collections.abc import Iterator
from pathlib import Path

from tools import overlay
from tools.command import ROOT

HELM = ROOT / ".tools" / "helm"
CHECKSUM = "checksum/settings"

Objects = dict[tuple[str, str], overlay.Object]


def helm(*argv: str | Path) -> subprocess.CompletedProcess[str]:
    return subprocess.run([HELM, *argv], capture_output=True, text=True, check=False)


def template(chart: Path, namespace: str, *options: str | Path) -> list[overlay.Object]:
    """Return the objects of a chart, without those of `helm test`."""
    done = helm("template", "any", chart, "--namespace", namespace, "--skip-tests", *options)
    assert done.returncode == 0, done.stderr
    return overlay.objects(done.stdout)


def of_chart(among: list[overlay.Object]) -> Objects:
    """Return a chart's objects by kind and name, without the checksums that they must have."""
    for pod in pods(among):
        annotations = pod["metadata"].pop("annotations", {})
        reads_settings = f"'configMapRef': {{'name': '{overlay.NAME}'}}" in str(pod["spec"])
        checksum = annotations.pop(CHECKSUM, "")
        assert not reads_settings or re.fullmatch("[0-9a-f]{64}", checksum)
        if annotations:
            pod["metadata"]["annotations"] = annotations
    return keyed(among)


def of_kustomize(among: list[overlay.Object]) -> Objects:
    """Return rendered objects by kind and name, without the Namespace and the ConfigMap's hash."""
    settings = overlay.find(among, "ConfigMap")["metadata"]["name"]
    for pod in pods(among):
        for container in pod["spec"]["containers"] + pod["spec"].get("initContainers", []):
            for source in container.get("envFrom", []):
                assert source["configMapRef"]["name"] == settings
                source["configMapRef"]["name"] = overlay.NAME
    overlay.find(among, "ConfigMap")["metadata"]["name"] = overlay.NAME
    return keyed([each for each in among if each["kind"] != "Namespace"])


def pods(among: list[overlay.Object]) -> Iterator[overlay.Object]:
    """Yield the pod template of each workload."""
    for each in among:
        if each["kind"] in ("Deployment", "StatefulSet"):
            yield each["spec"]["template"]


def keyed(among: list[overlay.Object]) -> Objects:
    """Return objects by kind and name."""
    by_name = {(each["kind"], each["metadata"]["name"]): each for each in among}
    assert len(by_name) == len(among), "two objects have the same name"
    return by_name
