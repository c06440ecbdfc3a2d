"""The mistakes a caller makes: each answer is a problem document that names the fault."""

from __future__ import annotations

import gzip
import io
import json

import pytest
from apiflask import APIFlask
from flask.testing import FlaskClient
from gunicorn.http.errors import InvalidChunkSize, NoMoreData

from api.app import create_app
from api.domain.kit import strictjson
from api.domain.kit.strictjson import AmbiguousJsonError
from tests.api.conftest import problem

URL = "/api/v1/deployments"
ONE_ONLY = "/api/v1/incidents"  # takes no lists
JSON = {"Content-Type": "application/json"}


@pytest.mark.parametrize(
    ("body", "said"),
    [
        (b"", "Expecting value"),
        (b"null", "null"),
        (b'{"service":', "line 1, column 12"),
        (b'{"service": "a", "service": "b"}', "duplicated"),
        (b'{"service": NaN}', "NaN"),
        (b'{"service": "\\ud83d"}', "surrogate"),
        (b'{"serv\\uDE80ice": "a"}', "surrogate"),
        (b'{"service": ' + b"9" * 5000 + b"}", f"not JSON: {'9' * 20} is too large a number"),
        (b'{"service": -' + b"9" * 310 + b"}", "too large a number"),
        (b'\xef\xbb\xbf{"service": "a"}', "byte order mark"),
        (b'{"service": "\xff"}', "UTF-8"),
        (b"[" * 100_000, "deeply"),
    ],
)
def test_a_body_that_is_not_json_is_a_bad_request(
    sqlite_client: FlaskClient, body: bytes, said: str
) -> None:
    document = problem(sqlite_client.post(URL, data=body, headers=JSON), 400)

    assert said in str(document["detail"])


@pytest.mark.parametrize(
    ("name", "pointer"),
    [
        ("owner?", "#/owner?"),
        ("the owner", "#/the%20owner"),
        ("100%20", "#/100%2520"),
        ("größe#", "#/gr%C3%B6%C3%9Fe%23"),
        ("a/b~c", "#/a~1b~0c"),
    ],
)
def test_a_pointer_is_a_fragment_of_a_uri(
    sqlite_client: FlaskClient, name: str, pointer: str
) -> None:
    unknown = problem(sqlite_client.put("/api/v1/services/web", json={name: 1}), 422)
    twice = f'{{"{name}": 1, "{name}": 2}}'.encode()
    ambiguous = problem(sqlite_client.put("/api/v1/services/web", data=twice, headers=JSON), 400)

    assert unknown["errors"] == [{"pointer": pointer, "detail": "is not known"}]
    assert [each["pointer"] for each in ambiguous["errors"]] == [pointer]  # type: ignore[attr-defined]


@pytest.mark.parametrize("name", ["a%20b", "%C3%A4", "100%25", "a%0Ab", "a:b@c"])
def test_the_instance_is_a_path_as_in_a_uri(sqlite_client: FlaskClient, name: str) -> None:
    path = f"/api/v1/services/{name}"

    assert problem(sqlite_client.get(path), 422)["instance"] == path


@pytest.mark.parametrize(
    ("body", "pointer"),
    [
        (b'{"service": "a", "service": "b"}', "#/service"),
        (b'{"links": [{}, {"a/b~c": 1, "a/b~c": 2}]}', "#/links/1/a~1b~0c"),
        (b'{"a": {"b": 1, "b": 1}, "a": 2}', "#/a"),
        (b'{"links": ["fine", "\\ud83d\\ude80", "\\ud83d"]}', "#/links/2"),
        (b'{"links": {"\\udc00": 1}}', "#/links"),
    ],
)
def test_what_readers_understand_differently_is_pointed_at(
    sqlite_client: FlaskClient, body: bytes, pointer: str
) -> None:
    document = problem(sqlite_client.post(URL, data=body, headers=JSON), 400)

    assert [fault["pointer"] for fault in document["errors"]] == [pointer]  # type: ignore[attr-defined]


@pytest.mark.parametrize("media_type", ["text/plain", "application/x-www-form-urlencoded", ""])
def test_another_media_type_is_unsupported(sqlite_client: FlaskClient, media_type: str) -> None:
    response = sqlite_client.post(URL, data=b"{}", headers={"Content-Type": media_type})

    assert "Content-Type: application/json" in str(problem(response, 415)["detail"])


@pytest.mark.parametrize("url", [URL, "/api/v1/webhooks/argocd", "/api/v1/cloudevents"])
@pytest.mark.parametrize("headers", [{}, {"Idempotency-Key": "a"}])
@pytest.mark.parametrize("encoding", ["gzip", "Deflate", "identity, br"])
def test_a_body_that_is_compressed_is_unsupported(
    sqlite_client: FlaskClient, url: str, headers: dict[str, str], encoding: str
) -> None:
    body = gzip.compress(b"{}")
    headers = {**JSON, **headers, "Content-Encoding": encoding}
    response = sqlite_client.post(url, data=body, headers=headers)

    assert "without Content-Encoding" in str(problem(response, 415)["detail"])
    assert response.headers["Accept-Encoding"] == "identity"


def test_a_body_may_say_that_it_is_as_it_is(sqlite_client: FlaskClient) -> None:
    headers = {**JSON, "Content-Encoding": "identity"}
    problem(sqlite_client.post(URL, data=b"{}", headers=headers), 422)


@pytest.mark.parametrize("media_type", ["application/json; charset=utf-8", "application/x+json"])
def test_json_by_another_name_is_supported(sqlite_client: FlaskClient, media_type: str) -> None:
    problem(sqlite_client.post(URL, data=b"{}", headers={"Content-Type": media_type}), 422)


def test_a_body_over_one_mebibyte_is_too_large(sqlite_client: FlaskClient) -> None:
    body = json.dumps({"service": "a" * 1024 * 1024}).encode()

    problem(sqlite_client.post(ONE_ONLY, data=body, headers=JSON), 413)
    problem(sqlite_client.post(URL, data=body, headers=JSON), 422)


def test_a_list_over_two_mebibytes_is_too_large(sqlite_client: FlaskClient) -> None:
    body = json.dumps([{"service": "a" * 2 * 1024 * 1024}]).encode()

    problem(sqlite_client.post(URL, data=body, headers=JSON), 413)


def test_a_chunked_body_that_is_too_large_is_not_cut(
    sqlite_client: FlaskClient,
) -> None:
    """What comes first would be a good deployment: it must not be stored on its own."""
    good = json.dumps({"service": "a", "environment": "dev", "version": "1"}).encode()
    environ = {
        "wsgi.input_terminated": True,
        "wsgi.input": io.BytesIO(good + b" " * 2 * 1024 * 1024),
    }

    problem(sqlite_client.post(URL, headers=JSON, environ_overrides=environ), 413)


@pytest.mark.parametrize("headers", [JSON, {**JSON, "Idempotency-Key": "a"}])
@pytest.mark.parametrize(
    ("error", "status", "said"),
    [(InvalidChunkSize(b"-5"), 400, "chunk"), (NoMoreData(), 408, "in time")],
)
def test_a_body_that_the_server_cannot_read_is_the_callers_fault(
    sqlite_client: FlaskClient, headers: dict[str, str], error: Exception, status: int, said: str
) -> None:
    class Broken(io.BytesIO):
        def readinto(self, _: object) -> int:
            raise error

    environ = {"wsgi.input_terminated": True, "wsgi.input": Broken()}
    document = problem(sqlite_client.post(URL, headers=headers, environ_overrides=environ), status)

    assert said in str(document["detail"])


def test_each_missing_value_is_named(sqlite_client: FlaskClient) -> None:
    document = problem(sqlite_client.post(URL, json={}), 422)

    assert document["errors"] == [
        {"pointer": f"#/{name}", "detail": "is missing"}
        for name in ("service", "environment", "version")
    ]
    assert document["detail"] == "3 values sent are not valid."


@pytest.mark.parametrize("body", [[], 1, "text"])
def test_a_body_that_is_no_object_is_invalid(sqlite_client: FlaskClient, body: object) -> None:
    document = problem(sqlite_client.post(ONE_ONLY, data=json.dumps(body), headers=JSON), 422)

    assert document["errors"] == [{"pointer": "#", "detail": "must be a JSON object"}]


def test_thousands_of_faults_are_answered_with_the_first_ones(
    sqlite_client: FlaskClient,
) -> None:
    body = {str(number): 0 for number in range(60_000)}
    response = sqlite_client.post(URL, json=body)

    assert len(response.data) < 10_000
    problem(response, 422)


@pytest.mark.parametrize("path", ["/nope", "/api/v1", f"{URL}/", f"{URL}/not-an-id", "/%00"])
def test_an_unknown_path_is_not_found(sqlite_client: FlaskClient, path: str) -> None:
    problem(sqlite_client.get(path), 404)


def test_a_wrong_method_is_told_the_right_ones(sqlite_client: FlaskClient) -> None:
    response = sqlite_client.delete(URL)

    problem(response, 405)
    assert {"GET", "POST"} <= set(response.headers["Allow"].split(", "))


def test_a_database_that_is_gone_means_come_back_later() -> None:
    app = create_app({"DATABASE_HOST": "127.0.0.1", "DATABASE_PORT": 1, "PUBLIC_READ": True})
    response = app.test_client().get("/api/v1/matrix")

    assert "try again" in str(problem(response, 503)["detail"])
    assert response.headers["Retry-After"] == "5"


def test_a_fault_of_our_own_tells_no_details(own_app: APIFlask) -> None:
    app = own_app
    app.config["PROPAGATE_EXCEPTIONS"] = False

    @app.get("/broken")
    def broken() -> None:
        raise RuntimeError("the password is hunter2")

    response = app.test_client().get("/broken")

    problem(response, 500)
    assert "hunter2" not in response.text


def test_a_faulty_statement_is_a_fault_of_our_own(own_app: APIFlask) -> None:
    """Only what is about the connection invites to try again."""
    app = own_app
    app.config["PROPAGATE_EXCEPTIONS"] = False

    @app.get("/faulty")
    def faulty() -> None:
        with app.extensions["database"].read() as connection:
            connection.exec_driver_sql("INSERT INTO services (id) VALUES (NULL)")

    problem(app.test_client().get("/faulty"), 500)


def test_a_duplicate_among_very_many_keys_is_found_in_linear_time() -> None:
    keys = [f'"{number:x}":0' for number in range(100_000)]

    with pytest.raises(AmbiguousJsonError, match="duplicated"):
        strictjson.loads("{" + ",".join([*keys, keys[-1]]) + "}")
