"""What the tests of controllers share: the cluster, images, and what was measured."""

import os
from collections.abc import Iterator

import pytest

from tests.controllers import argocd
from tests.controllers.argocd import ArgoCD
from tests.controllers.ledger import Ledger, serving
from tests.controllers.repository import Repository
from tests.e2e.conftest import required
from tests.e2e.environment import Environment
from tests.e2e.images import Images
from tests.measured import report, tell  # noqa: F401 (a fixture)
from tools import overlay
from tools.cluster.kube import Kube, connect
from tools.cluster.probe import INGRESS
from tools.command import ToolError


@pytest.fixture(scope="session")
def kube() -> Kube:
    try:
        kube = connect()
    except ToolError as error:
        pytest.exit(f"error: {error}", returncode=1)
    if not argocd.is_there(kube):
        pytest.skip(f"there is no Argo CD in the namespace argocd of the context {kube.context}")
    return kube


@pytest.fixture(scope="session")
def images() -> Images:
    return Images(pushed=required("IMAGE"), name=required("IMAGE_NAME"))


@pytest.fixture(scope="session")
def environments(kube: Kube, images: Images) -> Iterator[dict[str, Environment]]:
    """Return the environments, empty but for Secrets and databases; they are removed again."""
    url = os.environ.get("INGRESS_URL") or INGRESS
    made = {env: Environment(kube, env, images.name, url) for env in overlay.environments()}
    for each in made.values():
        if each.exists():
            pytest.fail(f"{each.namespace} is there already: it is not ours to test in")
    try:
        for each in made.values():
            # All three at once, and room for a pod more of each, on a node of two cores.
            each.set_up(reserve_cpu=False)
        yield made
    finally:
        names = [
            name for each in made.values() for name in (each.namespace, each.database_namespace)
        ]
        kube.run("delete", "namespace", *names, "--ignore-not-found", "--timeout=180s")
        for each in made.values():
            each.remove_policies()


@pytest.fixture(scope="session")
def repository(tmp_path_factory: pytest.TempPathFactory) -> Repository:
    made = Repository(required("GIT_URL"), tmp_path_factory.mktemp("repository"))
    made.create()
    return made


@pytest.fixture(scope="session")
def ledger(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Ledger]:
    with serving(tmp_path_factory.mktemp("ledger")) as made:
        yield made


@pytest.fixture(scope="session")
def controller(
    kube: Kube,
    environments: dict[str, Environment],  # noqa: ARG001 (removed after this)
    repository: Repository,
    ledger: Ledger,
) -> Iterator[ArgoCD]:
    """Return Argo CD with nothing applied yet; what is applied is removed before the rest."""
    made = ArgoCD(kube, repository.url, ledger.url, ledger.token)
    try:
        yield made
    finally:
        made.remove()


def pytest_terminal_summary(
    terminalreporter: pytest.TerminalReporter, config: pytest.Config
) -> None:
    tell(terminalreporter, config, "controllers.txt")
