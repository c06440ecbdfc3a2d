"""The OpenAPI description: completes what APIFlask generates with bodies, errors and scopes."""

from __future__ import annotations

import json
from collections.abc import Callable, Mapping
from http import HTTPStatus
from typing import Any

from apiflask import APIFlask
from flask import current_app
from pydantic import BaseModel

from api.domain.events.adapter import Verify
from api.domain.events.signatures import is_secret
from api.http import auth, etags, idempotency, strict
from api.http.headers import header
from api.http.problems import MEDIA_TYPE, Problem
from api.logs import REQUEST_ID_HEADER

SCHEMAS = "#/components/schemas/"
# Responses that any operation with a body may give, besides its own.
BODY_ERRORS = {
    HTTPStatus.BAD_REQUEST: "The body is not JSON.",
    HTTPStatus.REQUEST_TIMEOUT: "The body did not arrive in time.",
    HTTPStatus.REQUEST_ENTITY_TOO_LARGE: "The body is larger than {} MiB.",
    HTTPStatus.UNSUPPORTED_MEDIA_TYPE: "The Content-Type is not application/json.",
}
QUERY_ERROR = {"description": "A parameter is unknown."}
DATABASE_ERRORS = {HTTPStatus.SERVICE_UNAVAILABLE: "The database cannot serve at the moment."}
# Responses that any operation of the API may give.
ACCESS_ERRORS = {
    HTTPStatus.UNAUTHORIZED: "The token is missing, invalid, expired or revoked.",
    HTTPStatus.FORBIDDEN: "The token does not have the required scope.",
    HTTPStatus.TOO_MANY_REQUESTS: "Too many requests; retry after the seconds in Retry-After.",
}
# The successes that have a body.
BODIED = {"200", "201", "202"}
SECURITY_SCHEME = "token"
REQUEST_ID = header(
    REQUEST_ID_HEADER,
    "The id of the request, in its response and in the logs; a new one is made unless it is 1 to"
    " 128 letters, digits and `._:/+=-`.",
)


def init_app(app: APIFlask) -> None:
    """Serve an OpenAPI 3.1 description of the API at `/openapi.json`."""
    app.config.update(
        OPENAPI_VERSION="3.1.0",
        # Relative to the URL of this document: the service may be behind any proxy.
        SERVERS=[{"url": "/"}],
        INFO={
            "description": "Records what version of which service runs in which environment.",
            "license": {"name": "Apache-2.0", "identifier": "Apache-2.0"},
        },
        SECURITY_SCHEMES={
            SECURITY_SCHEME: {
                "type": "http",
                "scheme": "bearer",
                "description": "A token from /api/v1/tokens. The scope write includes read; admin"
                " includes all scopes.",
            }
        },
    )
    app.spec_processor(_describe_errors)


def reads[View: Callable[..., Any]](*headers: dict[str, Any]) -> Callable[[View], View]:
    """Describe the headers that a route reads besides those that every route reads."""

    def mark(view: View) -> View:
        view.headers = headers  # type: ignore[attr-defined]
        return view

    return mark


def accepts[View: Callable[..., Any]](
    bodies: Mapping[str, type[BaseModel] | None],
) -> Callable[[View], View]:
    """Describe the bodies of a route that parses its body itself, by media type.

    None stands for any JSON, or no body. APIFlask itself supports a single media type.
    """

    def mark(view: View) -> View:
        view.bodies = bodies  # type: ignore[attr-defined]
        return view

    return mark


def _describe_errors(spec: dict[Any, Any] | str) -> dict[Any, Any] | str:
    """Describe the bodies, headers, scopes and error responses of every operation."""
    if isinstance(spec, str):  # YAML, which is not served
        return spec
    views = {
        getattr(view, "_spec", {}).get("operation_id"): view
        for view in current_app.view_functions.values()
    }
    for path, operations in spec["paths"].items():
        for method, operation in operations.items():
            view = views[operation["operationId"]]
            _describe_route(spec["components"], operation, view, method.upper(), path)
    # APIFlask lists a nested model once for each model that contains it; merge them.
    text = json.dumps(spec)
    schemas: dict[str, Any] = {}
    for name in spec["components"]["schemas"]:
        text = text.replace(f'"{SCHEMAS}{name}"', f'"{SCHEMAS}{_own_name(name)}"')
    described: dict[str, Any] = json.loads(text)
    for name, schema in described["components"]["schemas"].items():
        schema.pop("$defs", None)
        schemas.setdefault(_own_name(name), schema)
    problem = Problem.model_json_schema(ref_template=SCHEMAS + "{model}")
    schemas |= {**problem.pop("$defs"), "Problem": problem}
    for unused in ("HTTPError", "ValidationError"):
        schemas.pop(unused, None)
    described["components"]["schemas"] = dict(sorted(schemas.items()))
    return described


def _describe_route(
    components: dict[str, Any], operation: dict[str, Any], view: object, method: str, path: str
) -> None:
    _describe_bodies(components["schemas"], operation, getattr(view, "bodies", {}))
    operation["parameters"] += [REQUEST_ID, *getattr(view, "headers", ())]
    if idempotency.applies(method, path):
        idempotency.describe(operation)
    _describe_operation(operation, strict.largest_body(view))
    if method == "GET":
        etags.describe(operation)
    if path.startswith(auth.API_PREFIX):
        _describe_access(operation, auth.scopes_for(view, method))
    if signed := auth.signature_of(view):
        _describe_signature(components, operation, *signed)
    _label_errors(operation["responses"])


def _describe_bodies(
    schemas: dict[str, Any], operation: dict[str, Any], bodies: Mapping[str, type[BaseModel] | None]
) -> None:
    content: dict[str, Any] = {}
    for media_type, model in bodies.items():
        # Null is refused, as everywhere.
        content[media_type] = {"schema": {"not": {"type": "null"}}}
        if model is not None:
            schema = model.model_json_schema(ref_template=SCHEMAS + "{model}")
            schemas |= {**schema.pop("$defs", {}), model.__name__: schema}
            content[media_type] = {"schema": {"$ref": SCHEMAS + model.__name__}}
    if content:
        operation["requestBody"] = {"content": content, "required": None not in bodies.values()}


def _own_name(name: str) -> str:
    return name.rpartition(".")[2]


def _describe_operation(operation: dict[str, Any], largest_body: int) -> None:
    for parameter in operation["parameters"]:
        if parameter["in"] == "path" and parameter["name"].endswith("_id"):
            parameter["schema"]["format"] = "uuid"
    responses = operation["responses"]
    if str(int(HTTPStatus.PRECONDITION_FAILED)) in responses:
        operation["parameters"] += etags.HEADERS
    # The same body for each success, as for a resource that is new or existed before.
    for response in (responses[status] for status in set(responses) & BODIED):
        response["content"] = _output(responses)
    expected = dict(DATABASE_ERRORS) if "Service" not in operation["tags"] else {}
    responses.setdefault(str(int(HTTPStatus.UNPROCESSABLE_ENTITY)), dict(QUERY_ERROR))
    if "requestBody" in operation:
        operation["requestBody"].setdefault("required", True)
        expected |= BODY_ERRORS
    for status, description in expected.items():
        described = description.format(largest_body // strict.MIB)
        responses[str(int(status))] = {"description": described}


def _output(responses: dict[str, Any]) -> dict[str, Any]:
    """Return the body of the one success whose model APIFlask knows."""
    contents = [responses[status].get("content", {}) for status in set(responses) & BODIED]
    return next(content for content in contents if any(of["schema"] for of in content.values()))


def _describe_access(operation: dict[str, Any], scopes: tuple[str, ...]) -> None:
    """Describe the scopes that an operation needs and the errors of authorization."""
    operation["security"] = [{SECURITY_SCHEME: [scope]} for scope in scopes]
    needs = f"Needs the scope {' or '.join(f'`{scope}`' for scope in scopes)}."
    if auth.is_public(scopes):
        operation["security"].append({})
        needs = "Open to all."
    operation["description"] = f"{operation.get('description', '')}\n\n{needs}".strip()
    for status, description in ACCESS_ERRORS.items():
        operation["responses"][str(int(status))] = {"description": description}


def _describe_signature(
    components: dict[str, Any], operation: dict[str, Any], source: str, name: str, verify: Verify
) -> None:
    """Describe the signature that a route accepts instead of a token."""
    signature = f"The HMAC-SHA256 of the body with the secret of {source}, as `sha256=…`."
    scheme = f"{source}-signature"
    components["securitySchemes"][scheme] = {
        "type": "apiKey",
        "in": "header",
        "name": name,
        "description": f"The secret of {source}." if verify is is_secret else signature,
    }
    operation["security"].append({scheme: []})
    operation["description"] += f" A signature in `{name}` replaces the token."


def _label_errors(responses: dict[str, Any]) -> None:
    for status, response in responses.items():
        if int(status) >= HTTPStatus.BAD_REQUEST:
            response["content"] = {MEDIA_TYPE: {"schema": {"$ref": SCHEMAS + "Problem"}}}
