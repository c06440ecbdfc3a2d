"""Every overlay, as the API server of the current cluster judges it."""

import subprocess
from collections.abc import Iterator

import pytest

from tools import overlay
from tools.cluster.kube import Kube
from tools.command import ROOT


@pytest.fixture(params=overlay.environments())
def env(request: pytest.FixtureRequest, kube: Kube) -> Iterator[str]:
    """Return an environment whose namespace exists; one that did not is removed again."""
    name: str = request.param
    namespace = overlay.namespace(name)
    existed = kube.run("get", "namespace", namespace, "--ignore-not-found")
    kube.run("apply", "--filename", str(ROOT / overlay.OVERLAYS / name / "namespace.yaml"))
    yield name
    if not existed:
        kube.run("delete", "namespace", namespace)


def test_kubectl_apply_is_accepted_without_a_warning(kube: Kube, env: str) -> None:
    folder = str(ROOT / overlay.OVERLAYS / env)
    done = subprocess.run(
        kube.argv("apply", "--kustomize", folder, "--dry-run=server"),
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.stderr == ""
    assert done.returncode == 0
    assert done.stdout.count("(server dry run)") == len(overlay.rendered(env))
