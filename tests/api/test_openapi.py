"""The description of the API: valid, and true."""

from __future__ import annotations

import json
import re
from contextlib import closing
from pathlib import Path
from typing import Any

import pytest
from flask.testing import FlaskClient
from openapi_spec_validator import OpenAPIV31SpecValidator
from werkzeug.test import EnvironBuilder

from api.app import create_app
from api.domain.events.adapters import WEBHOOKS
from tests.api.conftest import ADMIN_TOKEN, bearer, is_described, json_of, problem

# The senders whose events are signed, by the last part of their route.
SIGNED = {adapter.source for adapter in WEBHOOKS if adapter.signature}


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
        (re.sub(r"<(?:\w+:)?(\w+)>", r"{\1}", str(rule)), method.lower())
        for rule in sqlite_client.application.url_map.iter_rules()
        for method in (rule.methods or set()) - {"HEAD", "OPTIONS"}
        if str(rule) not in hidden and rule.endpoint.partition(".")[0] not in ("static", "pages")
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
    said = {"200", "201", "400", "408", "409", "413", "415", "422", "503"}
    assert set(record["responses"]) == said | {"401", "403", "429"}


def test_every_operation_says_which_scope_it_needs(spec: dict[str, Any]) -> None:
    assert spec["components"]["securitySchemes"]["token"]["scheme"] == "bearer"
    for path, methods in spec["paths"].items():
        for method, operation in methods.items():
            if not path.startswith("/api/v1/"):
                assert "security" not in operation
                continue
            scope = "read" if method == "get" else "write"
            admins = "/(tokens|subscriptions|deliveries|deletions)|/replay$"
            if method == "delete" or re.search(admins, path):
                scope = "admin"
            scopes = [scope]
            if "/webhooks/" in path or "/cloudevents" in path:
                source = path.removesuffix("/dry-run").rpartition("/")[2]
                scopes = [f"ingest:{source}", *(["read"] if path.endswith("/dry-run") else [])]
            told = [{"token": [each]} for each in scopes]
            source = path.rpartition("/")[2]
            told += [{f"{source}-signature": []}] if source in SIGNED else []
            assert operation["security"] == told
            assert all(f"`{each}`" in operation["description"] for each in scopes)
            assert {"401", "403", "429"} <= set(operation["responses"])


def test_what_is_open_to_all_says_so(tmp_path: Path) -> None:
    app = create_app({"DATA_DIR": tmp_path, "PUBLIC_READ": True})
    paths = json_of(app.test_client().get("/openapi.json"))["paths"]

    assert paths["/api/v1/matrix"]["get"]["security"] == [{"token": ["read"]}, {}]
    assert paths["/api/v1/deployments"]["post"]["security"] == [{"token": ["write"]}]
    assert paths["/api/v1/tokens"]["get"]["security"] == [{"token": ["admin"]}]


def test_no_model_is_there_twice(spec: dict[str, Any]) -> None:
    names = spec["components"]["schemas"]

    assert not [name for name in names if "." in name]
    assert {"Deployment", "NewDeployment", "MatrixCell", "Problem", "Fault"} <= set(names)


@pytest.mark.parametrize(
    ("method", "path", "model"),
    [
        ("POST", "deployments", "NewDeployment"),
        ("POST", "incidents", "NewIncident"),
        ("POST", "changes", "NewChanges"),
        ("PUT", "services/checkout", "ServiceDescription"),
        ("PUT", "environments/prod", "EnvironmentDescription"),
        ("PUT", "declarations/prod", "NewDeclarations"),
    ],
)
def test_the_examples_are_accepted(
    sqlite_client: FlaskClient, spec: dict[str, Any], method: str, path: str, model: str
) -> None:
    example = spec["components"]["schemas"][model]["example"]

    response = sqlite_client.open(f"/api/v1/{path}", method=method, json=example)

    assert response.status_code == 201


def test_an_operation_that_may_answer_412_takes_if_match(spec: dict[str, Any]) -> None:
    for methods in spec["paths"].values():
        for operation in methods.values():
            headers = {each["name"] for each in operation["parameters"] if each["in"] == "header"}
            assert ("If-Match" in headers) == ("412" in operation["responses"])


def test_every_value_has_an_example_or_says_all_there_is_to_it(spec: dict[str, Any]) -> None:
    """From them a reader, and a tool that shows the document, makes up the whole."""
    plain = {"example", "examples", "enum", "const", "format", "$ref", "items", "properties"}
    told = {"integer", "number", "boolean", "null"}
    silent = []
    for model, schema in spec["components"]["schemas"].items():
        for name, value in schema.get("properties", {}).items():
            kinds = value.get("anyOf") or value.get("oneOf") or [value]
            if not any(plain & kind.keys() or kind.get("type") in told for kind in (value, *kinds)):
                silent.append(f"{model}.{name}")

    assert silent == []


def test_a_read_says_what_its_etag_is_good_for(spec: dict[str, Any]) -> None:
    reads = [methods["get"] for methods in spec["paths"].values() if "get" in methods]

    assert all("304" in read["responses"] for read in reads)
    assert all("ETag" in read["responses"]["200"]["headers"] for read in reads)


def test_every_success_with_a_body_names_its_model(spec: dict[str, Any]) -> None:
    for path, methods in spec["paths"].items():
        for method, operation in methods.items():
            for status, response in operation["responses"].items():
                if status in {"204", "304"}:
                    assert "content" not in response, f"{method} {path} {status}"
                else:
                    (body,) = response["content"].values()
                    assert body["schema"]["$ref"], f"{method} {path} {status}"


def test_no_object_is_described_so_that_a_generated_client_cannot_fill_it(
    spec: dict[str, Any],
) -> None:
    """Generators know `properties` and `additionalProperties`, not `patternProperties`."""
    text = json.dumps(spec)
    schemas = [*spec["components"]["schemas"].values()]
    values = [value for schema in schemas for value in schema.get("properties", {}).values()]

    assert '"patternProperties"' not in text
    assert not [
        value
        for value in (*schemas, *values)
        if value.get("type") == "object"
        and not value.get("properties")
        and not value.get("additionalProperties")
    ]


# A PUT replaces everything: these become null, or what their description says, if left out.
RESET = {
    "ServiceDescription": {"image", "owner", "repository"},
    "EnvironmentDescription": {"promotion_order", "transient"},
    "NewDeclarations": {"declared_at", "path"},
}


def test_what_a_put_resets_if_it_is_left_out_is_known(spec: dict[str, Any]) -> None:
    """A generated client leaves it out without a word; what must not be lost so is required."""
    schemas = spec["components"]["schemas"]
    bodies = [
        methods["put"]["requestBody"]["content"]["application/json"]["schema"]["$ref"]
        for methods in spec["paths"].values()
        if "put" in methods
    ]
    found = {}
    for model in (body.rpartition("/")[2] for body in bodies):
        found[model] = set(schemas[model]["properties"]) - set(schemas[model].get("required", ()))

    assert found == RESET


def test_declarations_without_services_withdraw_nothing(sqlite_client: FlaskClient) -> None:
    body = {"repository": "https://github.com/acme/gitops", "config_revision": "8b13789"}

    told = problem(sqlite_client.put("/api/v1/declarations/prod", json=body), 422)

    assert told["errors"] == [{"pointer": "#/services", "detail": "is missing"}]


def headers(operation: dict[str, Any]) -> set[str]:
    return {each["name"] for each in operation["parameters"] if each["in"] == "header"}


def test_an_event_is_described_with_the_headers_of_its_sender(spec: dict[str, Any]) -> None:
    for adapter in WEBHOOKS:
        receive = f"/api/v1/webhooks/{adapter.source}"
        for path in (receive, f"{receive}/dry-run"):
            told = headers(spec["paths"][path]["post"])
            assert adapter.headers - {"user-agent"} <= {name.lower() for name in told}
        schemes = spec["components"]["securitySchemes"]
        signed = schemes.get(f"{adapter.source}-signature", {}).get("name")
        assert signed == adapter.signature
    assert "X-GitHub-Event" in headers(spec["paths"]["/api/v1/webhooks/github"]["post"])


class Recorded(dict[str, Any]):
    """An environment of a request that records the headers that are looked up by name."""

    looked_up: set[str]

    def __getitem__(self, key: str) -> Any:
        self.looked_up.add(key)
        return super().__getitem__(key)

    def get(self, key: str, default: Any = None) -> Any:
        self.looked_up.add(key)
        return super().get(key, default)

    def __contains__(self, key: object) -> bool:
        self.looked_up.add(str(key))
        return super().__contains__(key)


def test_the_clients_of_all_tests_find_what_is_not_described(sqlite_client: FlaskClient) -> None:
    response = sqlite_client.get("/api/v1/services")
    assert is_described(response, sqlite_client.application)

    response.status_code = 418
    assert not is_described(response, sqlite_client.application)

    response = sqlite_client.get("/api/v1/services")
    response.content_type = "text/html"
    assert not is_described(response, sqlite_client.application)


# What HTTP itself gives a meaning, whatever the operation, and what the security schemes say.
GENERAL = {"Accept", "Authorization", "Connection", "Host", "Transfer-Encoding"}


def test_every_header_that_is_read_is_described(
    sqlite_client: FlaskClient, spec: dict[str, Any]
) -> None:
    schemes = spec["components"]["securitySchemes"].values()
    general = {name.lower() for name in GENERAL | {each.get("name", "") for each in schemes}}
    rules = {str(rule): rule for rule in sqlite_client.application.url_map.iter_rules()}
    for rule in rules.values():
        path = re.sub(r"<(?:\w+:)?(\w+)>", r"{\1}", str(rule))
        concrete = re.sub(r"<uuid:\w+>", "0" * 8 + "-0000" * 3 + "-" + "0" * 12, str(rule))
        concrete = re.sub(r"<\w+>", "web", concrete)
        for method in spec["paths"].get(path, {}):
            builder = EnvironBuilder(concrete, method=method.upper(), json={})
            builder.headers.update(bearer(ADMIN_TOKEN))
            if method != "post":  # which may be an event, with all of its headers
                builder.headers.update({"If-Match": "*", "If-None-Match": "x"})
            environ = Recorded(builder.get_environ())
            environ.looked_up = set()
            with closing(sqlite_client.application(environ, lambda *_: lambda _: None)):  # type: ignore[type-var]
                assert environ.looked_up
            found = {
                key.removeprefix("HTTP_").replace("_", "-").lower()
                for key in environ.looked_up
                if key.startswith("HTTP_")
            }
            told = {name.lower() for name in headers(spec["paths"][path][method])}
            assert found - general <= told, f"{method} {path}"


def test_what_is_there_already_is_told_as_what_is_new(spec: dict[str, Any]) -> None:
    record = spec["paths"]["/api/v1/deployments"]["post"]["responses"]

    assert record["200"]["content"] == record["201"]["content"]
