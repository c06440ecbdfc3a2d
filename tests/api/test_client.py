"""A client is generated from the description of the API and goes through the main journeys."""

from __future__ import annotations

import importlib
import json
import subprocess
import sys
from collections.abc import Callable, Iterator
from pathlib import Path
from types import ModuleType
from typing import Any

import httpx
import pytest
from flask.testing import FlaskClient

from tests.api.conftest import ADMIN_TOKEN

PACKAGE = "generated_client"


@pytest.fixture(scope="session")
def generated(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Callable[[str], ModuleType]]:
    """Generate a client, and return a function that imports a module of it."""
    folder = tmp_path_factory.mktemp("client")
    make_client(folder)
    sys.path.insert(0, str(folder))
    yield lambda name: importlib.import_module(f"{PACKAGE}.{name}")
    sys.path.remove(str(folder))


def make_client(folder: Path) -> None:
    from api.app import create_app  # noqa: PLC0415 (a database of its own)

    app = create_app({"DATA_DIR": folder / "data"})
    (folder / "openapi.json").write_text(app.test_client().get("/openapi.json").text)
    (folder / "config.yaml").write_text(json.dumps({"post_hooks": []}))
    command = [sys.executable, "-m", "openapi_python_client", "generate", "--meta", "none"]
    command += ["--path", "openapi.json", "--config", "config.yaml", "--output-path", PACKAGE]
    done = subprocess.run(command, cwd=folder, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stdout + done.stderr
    # It says so when an operation or a model is more than it can express.
    assert "WARNING" not in done.stdout + done.stderr


@pytest.fixture
def call(
    generated: Callable[[str], ModuleType], client: FlaskClient
) -> Callable[..., tuple[int, Any]]:
    """Return a function that calls an operation: it returns the status and the parsed answer."""
    api = generated("client").AuthenticatedClient(
        base_url="http://ledger",
        token=ADMIN_TOKEN,
        httpx_args={"transport": httpx.WSGITransport(app=client.application)},
    )

    def call(operation: str, *path: Any, **parameters: Any) -> tuple[int, Any]:
        response = generated(f"api.{operation}").sync_detailed(*path, client=api, **parameters)
        return int(response.status_code), response.parsed

    return call


def test_record_read_change_and_list(
    generated: Callable[[str], ModuleType], call: Callable[..., tuple[int, Any]]
) -> None:
    models = generated("models")
    new = models.NewDeployment(
        service="checkout", environment="prod", version="1.0.0", status=models.Status.RUNNING
    )

    status, recorded = call("deployments.record_deployment", body=new)
    assert (status, recorded.version) == (201, "1.0.0")

    change = models.DeploymentChange(status=models.Status.SUCCEEDED)
    status, changed = call("deployments.change_deployment", recorded.id, body=change)
    assert (status, changed.status) == (200, models.Status.SUCCEEDED)

    assert call("deployments.get_deployment", recorded.id) == (200, changed)
    status, page = call("deployments.list_deployments", service="checkout", limit=1)
    assert (status, page.items, page.next_cursor) == (200, [changed], None)
    status, matrix = call("matrix.get_matrix")
    assert [cell.deployment_id for cell in matrix.cells] == [recorded.id]


def test_what_waits(
    generated: Callable[[str], ModuleType], call: Callable[..., tuple[int, Any]]
) -> None:
    models = generated("models")
    for environment, version in (("staging", "1.1.0"), ("prod", "1.0.0")):
        new = models.NewDeployment(service="web", environment=environment, version=version)
        call("deployments.record_deployment", body=new)

    _, pending = call("promotions.list_pending_promotions", from_="staging", to="prod")

    assert [item.version for item in pending.items] == ["1.1.0"]
    assert pending.items[0].replaces.version == "1.0.0"


def test_what_git_declares(
    generated: Callable[[str], ModuleType], call: Callable[..., tuple[int, Any]]
) -> None:
    models = generated("models")
    services = models.NewDeclarationsServices()
    services["checkout"] = models.DeclaredRelease(version="1.4.2")
    new = models.NewDeclarations(
        repository="https://github.com/acme/gitops", config_revision="8b13789", services=services
    )

    status, declared = call("declarations.put_declarations", "prod", body=new)

    assert (status, declared.services["checkout"].version) == (201, "1.4.2")
    with pytest.raises(TypeError, match="services"):  # it would withdraw everything
        models.NewDeclarations(repository="https://x.org/y", config_revision="8b13789")


def test_what_exists_is_described_as_what_is_new(
    generated: Callable[[str], ModuleType], call: Callable[..., tuple[int, Any]]
) -> None:
    owned = generated("models").ServiceDescription(owner="shop")

    told = [call("services.put_service", "checkout", body=owned) for _ in range(2)]

    assert [(status, service.owner) for status, service in told] == [(201, "shop"), (200, "shop")]


def test_an_error_is_a_parsed_problem(
    generated: Callable[[str], ModuleType], call: Callable[..., tuple[int, Any]]
) -> None:
    new = generated("models").NewDeployment(service="A B", environment="prod", version="1.0.0")

    status, problem = call("deployments.record_deployment", body=new)

    assert (status, problem.status) == (422, 422)
    assert [fault.pointer for fault in problem.errors] == ["#/service"]


def test_it_can_call_every_operation(
    generated: Callable[[str], ModuleType], client: FlaskClient
) -> None:
    spec = json.loads(client.get("/openapi.json").text)
    folder = Path(str(generated("api").__file__)).parent
    operations = [each for methods in spec["paths"].values() for each in methods.values()]

    assert len(list(folder.glob("*/[!_]*.py"))) == len(operations)
