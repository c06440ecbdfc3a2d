"""The description of the API: valid, and true."""

from __future__ import annotations

from typing import Any

import pytest
from flask.testing import FlaskClient
from openapi_spec_validator import OpenAPIV31SpecValidator

from tests.api.conftest import json_of


@pytest.fixture
def spec(sqlite_client: FlaskClient) -> dict[str, Any]:
    return json_of(sqlite_client.get("/openapi.json"))


def test_it_is_valid_openapi_3_1(spec: dict[str, Any]) -> None:
    assert spec["openapi"] == "3.1.0"
    OpenAPIV31SpecValidator(spec).validate()


def test_it_lists_every_route(sqlite_client: FlaskClient, spec: dict[str, Any]) -> None:
    described = {(path, method) for path, methods in spec["paths"].items() for method in methods}
    hidden = {"/metrics", "/openapi.json"}
    served = {
        (str(rule).replace("<uuid:", "{").replace(">", "}"), method.lower())
        for rule in sqlite_client.application.url_map.iter_rules()
        for method in (rule.methods or set()) - {"HEAD", "OPTIONS"}
        if str(rule) not in hidden and not str(rule).startswith("/static")
    }

    assert described == served


def test_every_operation_has_an_id_and_a_summary(spec: dict[str, Any]) -> None:
    operations = [each for methods in spec["paths"].values() for each in methods.values()]

    assert all(operation["summary"] and operation["tags"] for operation in operations)
    ids = [operation["operationId"] for operation in operations]
    assert len(ids) == len(set(ids))


def test_every_error_is_described_as_a_problem_document(spec: dict[str, Any]) -> None:
    for methods in spec["paths"].values():
        for operation in methods.values():
            for status, response in operation["responses"].items():
                if int(status) >= 400:
                    assert list(response["content"]) == ["application/problem+json"]

    record = spec["paths"]["/api/v1/deployments"]["post"]
    assert set(record["responses"]) == {"200", "201", "400", "409", "413", "415", "422", "503"}


def test_no_model_is_there_twice(spec: dict[str, Any]) -> None:
    names = spec["components"]["schemas"]

    assert not [name for name in names if "." in name]
    assert {"Deployment", "NewDeployment", "MatrixCell", "Problem", "Fault"} <= set(names)


def test_the_example_is_accepted(sqlite_client: FlaskClient, spec: dict[str, Any]) -> None:
    example = spec["components"]["schemas"]["NewDeployment"]["example"]

    assert sqlite_client.post("/api/v1/deployments", json=example).status_code == 201
