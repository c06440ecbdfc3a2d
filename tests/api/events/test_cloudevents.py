"""CloudEvents come in three modes, and mean the same in each."""

from __future__ import annotations

import base64
import json
from pathlib import Path
from typing import Any

import pytest
from flask.testing import FlaskClient
from werkzeug.test import TestResponse

from api.domain.deployments import settling
from api.domain.events.cloudevents import BATCH, MAX_BATCH, STRUCTURED
from api.outages import Outage, UnavailableError
from tests.api.conftest import NewApp, bearer, json_of, problem
from tests.api.events.payloads import CLOUDEVENTS, cdevent
from tests.api.events.test_inbox import items

EVENT = cdevent()
NESTED = json.dumps({**EVENT, "data": "?"}).replace('"?"', '{"a":' * 2000 + "1" + "}" * 2000)
ATTRIBUTES = {f"ce-{name}": EVENT[name] for name in ("specversion", "id", "source", "type")}


def send(
    client: FlaskClient, body: Any, media_type: str = STRUCTURED, path: str = "", **headers: str
) -> TestResponse:
    raw = body if isinstance(body, bytes) else json.dumps(body).encode()
    return client.post(
        f"{CLOUDEVENTS}{path}", data=raw, headers={"Content-Type": media_type, **headers}
    )


def stored(client: FlaskClient) -> Any:
    (event,) = items(client, "events")
    return json_of(client.get(f"/api/v1/events/{event['id']}"))["body"]


def test_an_event_is_the_same_in_every_mode(client: FlaskClient) -> None:
    first = send(client, EVENT)
    answers = [
        send(client, EVENT["data"], "application/json", **ATTRIBUTES),
        send(client, EVENT["data"], "application/cdevents+json", **ATTRIBUTES),
        send(client, [EVENT, EVENT], f"{BATCH}; charset=utf-8"),
    ]

    assert first.status_code == 202
    assert [each.status_code for each in answers] == [200, 200, 200]
    assert answers[0].json == first.json
    again = {**json_of(first), "duplicate": True}
    assert json_of(answers[-1]) == {"items": [again, again]}
    (deployment,) = items(client, "deployments")
    assert (deployment["source"], deployment["service"]) == ("cloudevents", "checkout")
    assert stored(client) == EVENT


def test_what_binary_mode_stores_is_what_structured_mode_does(client: FlaskClient) -> None:
    send(client, EVENT["data"], "application/json", **ATTRIBUTES, **{"ce-myextension": "x"})

    assert stored(client) == {**EVENT, "myextension": "x"}


def test_data_in_binary_mode_needs_no_type(client: FlaskClient) -> None:
    told = client.post(CLOUDEVENTS, data=json.dumps(EVENT["data"]), headers=ATTRIBUTES)

    assert told.status_code == 202
    assert stored(client) == {
        name: value for name, value in EVENT.items() if name != "datacontenttype"
    }
    assert len(items(client, "deployments")) == 1


@pytest.mark.parametrize("headers", [{}, {"Content-Type": "application/json"}])
def test_an_event_in_binary_mode_needs_no_data(
    client: FlaskClient, headers: dict[str, str]
) -> None:
    attributes = {**ATTRIBUTES, "ce-type": "com.example.heartbeat"}

    assert client.post(CLOUDEVENTS, headers={**attributes, **headers}).status_code == 204

    assert "data" not in stored(client)
    assert stored(client)["type"] == "com.example.heartbeat"


def test_a_cdevent_without_data_is_kept_and_says_so(client: FlaskClient) -> None:
    assert client.post(CLOUDEVENTS, headers=ATTRIBUTES).status_code == 202

    (event,) = items(client, "events")
    assert event["outcome"] == "failed"


@pytest.mark.parametrize(
    ("headers", "body", "status"),
    [
        ({}, b"{}", 415),  # neither a type nor an attribute
        ({}, b"", 415),
        ({"Content-Type": "application/json"}, b"", 400),
        ({**ATTRIBUTES, "Content-Type": "text/plain"}, b"hello", 415),
        ({**ATTRIBUTES, "Content-Type": STRUCTURED}, b"", 400),
        (ATTRIBUTES, b"hello", 400),
    ],
)
def test_what_is_not_read_as_an_event(
    client: FlaskClient, headers: dict[str, str], body: bytes, status: int
) -> None:
    problem(client.post(CLOUDEVENTS, data=body, headers=headers), status)


def test_a_sender_may_ask_first(anonymous: FlaskClient, new_app: NewApp, tmp_path: Path) -> None:
    """By the handshake of CloudEvents' web hooks; what it delivers needs a token all the same."""
    asked = {"WebHook-Request-Origin": "events.example.com", "WebHook-Request-Rate": "120"}
    told = anonymous.options(CLOUDEVENTS, headers=asked)

    assert told.status_code == 200
    assert told.headers["WebHook-Allowed-Origin"] == "events.example.com"
    assert told.headers["WebHook-Allowed-Rate"] == "12000"
    assert told.headers["Allow"] == "OPTIONS, POST"
    assert "WebHook-Allowed-Origin" not in anonymous.options(CLOUDEVENTS).headers
    problem(anonymous.post(CLOUDEVENTS, headers=ATTRIBUTES), 401)

    slow = new_app(DATA_DIR=tmp_path, RATE_LIMIT="5 per second; 30 per hour").test_client()
    assert slow.options(CLOUDEVENTS, headers=asked).headers["WebHook-Allowed-Rate"] == "1"


@pytest.mark.parametrize(
    ("header", "attribute"),
    [
        ("Euro%20%E2%82%AC%20%F0%9F%98%80", "Euro € 😀"),
        ("%2541", "%41"),
        ("%e2%82%ac", "€"),
        ('"a \\"b\\" c"', 'a "b" c'),
    ],
)
def test_headers_are_decoded_once(client: FlaskClient, header: str, attribute: str) -> None:
    send(client, EVENT["data"], "application/json", **{**ATTRIBUTES, "ce-id": header})

    assert stored(client)["id"] == attribute


@pytest.mark.parametrize("header", ["%C0%A0", "%ff", "caf\xe9"])
def test_a_header_that_cannot_be_decoded_is_named(client: FlaskClient, header: str) -> None:
    told = problem(send(client, {}, "application/json", **{**ATTRIBUTES, "ce-source": header}), 422)

    assert [each["header"].lower() for each in told["errors"]] == ["ce-source"]  # type: ignore[attr-defined]
    assert items(client, "events") == []


def test_missing_attributes_are_named(client: FlaskClient) -> None:
    told = problem(send(client, EVENT["data"], "application/json", **{"ce-id": "1"}), 422)
    missing = [each["header"] for each in told["errors"]]  # type: ignore[attr-defined]
    assert missing == ["ce-specversion", "ce-source", "ce-type"]

    told = problem(send(client, {**EVENT, "id": "", "specversion": "0.3"}), 422)
    assert [each["pointer"] for each in told["errors"]] == ["#/specversion", "#/id"]  # type: ignore[attr-defined]
    assert items(client, "events") == []


def test_a_batch_is_taken_as_a_whole_or_not_at_all(client: FlaskClient) -> None:
    wrong = {name: value for name, value in EVENT.items() if name != "type"}
    told = problem(send(client, [EVENT, wrong], BATCH), 422)

    assert told["errors"] == [{"pointer": "#/1/type", "detail": "is missing"}]
    problem(send(client, [EVENT] * (MAX_BATCH + 1), BATCH), 422)
    problem(send(client, EVENT, BATCH), 422)
    assert items(client, "events") == items(client, "deployments") == []


def test_each_event_of_a_batch_has_its_own_outcome(client: FlaskClient) -> None:
    batch = [
        EVENT,
        {**EVENT, "id": "2", "type": "com.example.other"},
        cdevent(id="3", environment={"id": "???"}),
        cdevent(id="4", timestamp="yesterday"),
    ]
    answer = send(client, batch, BATCH)

    assert answer.status_code == 202
    told = json_of(answer)["items"]
    assert [each["outcome"] for each in told] == ["projected", "not_ours", "unmapped", "failed"]
    assert len(items(client, "events")) == 4
    assert len(items(client, "deployments")) == 1


def test_a_batch_with_something_new_is_202_and_an_empty_one_200(client: FlaskClient) -> None:
    send(client, EVENT)

    answer = send(client, [EVENT, cdevent(id="2")], BATCH)
    assert answer.status_code == 202
    assert [each["duplicate"] for each in json_of(answer)["items"]] == [True, False]
    empty = send(client, [], BATCH)
    assert (empty.status_code, empty.json) == (200, {"items": []})


def test_what_is_no_cdevent_is_kept_and_says_so(client: FlaskClient) -> None:
    answer = send(client, {**EVENT, "type": "com.example.other", "data": "anything"})

    assert (answer.status_code, answer.data) == (204, b"")
    (event,) = items(client, "events?source=cloudevents&outcome=not_ours")
    assert event["reason"] == "com.example.other is not a CDEvent"


def test_the_same_id_of_another_source_is_another_event(client: FlaskClient) -> None:
    for source in ("/a", "/b", "/" + "x" * 300 + "a", "/" + "x" * 300 + "b"):
        assert send(client, {**EVENT, "source": source}).status_code == 202

    assert len(items(client, "events")) == 4


def test_data_in_base64_is_read_before_it_is_stored(client: FlaskClient) -> None:
    data = {**EVENT["data"], "token": "hunter2hunter2"}
    plain = {name: value for name, value in EVENT.items() if name != "data"}
    encoded = base64.b64encode(json.dumps(data).encode()).decode()

    assert json_of(send(client, {**plain, "data_base64": encoded}))["outcome"] == "projected"
    assert stored(client)["data"] == {**data, "token": "[redacted]"}
    for wrong in ("not base64", base64.b64encode(b"not JSON").decode()):
        told = problem(send(client, {**plain, "id": "2", "data_base64": wrong}), 422)
        assert "#/data_base64" in str(told["errors"])


@pytest.mark.parametrize(
    ("body", "media_type", "status"),
    [
        (b"{", STRUCTURED, 400),
        (b'{"id": 1, "id": 2}', STRUCTURED, 400),
        (b"text", "text/plain", 415),
        (b"\x00", "application/cloudevents+avro", 415),
        (b'"' + b"x" * 1024 * 1024 + b'"', "application/json", 413),
        (NESTED.encode(), STRUCTURED, 400),
        (json.dumps({**EVENT, "source": "a\ud800"}).encode(), STRUCTURED, 400),
    ],
)
def test_what_is_no_event_is_refused(
    client: FlaskClient, body: bytes, media_type: str, status: int
) -> None:
    problem(send(client, body, media_type, **ATTRIBUTES), status)
    problem(send(client, body, media_type, "/dry-run", **ATTRIBUTES), status)
    assert items(client, "events") == []


def test_it_needs_a_token_of_its_own(client: FlaskClient, anonymous: FlaskClient) -> None:
    def token(*scopes: str) -> dict[str, str]:
        made = client.post("/api/v1/tokens", json={"name": "ci", "scopes": scopes})
        return bearer(str(json_of(made)["token"]))

    problem(send(anonymous, EVENT), 401)
    problem(send(anonymous, EVENT, **token("ingest:github", "write")), 403)
    assert send(anonymous, EVENT, **token("ingest:cloudevents")).status_code == 202
    assert send(anonymous, EVENT, path="/dry-run", **token("read")).status_code == 200


def test_a_database_that_is_down_is_503_and_keeps_nothing_of_a_batch(
    client: FlaskClient, monkeypatch: pytest.MonkeyPatch
) -> None:
    def fail(*_: object) -> None:
        raise UnavailableError(Outage.SILENT, "gone")

    monkeypatch.setattr(settling, "record", fail)
    batch = [{**EVENT, "id": "2", "type": "com.example.other"}, EVENT]
    assert "Retry-After" in send(client, batch, BATCH).headers
    monkeypatch.undo()

    assert items(client, "events") == []
    assert send(client, batch, BATCH).status_code == 202


def test_a_dry_run_stores_nothing(client: FlaskClient) -> None:
    one = json_of(send(client, EVENT, path="/dry-run"))
    batch = json_of(send(client, [EVENT, {**EVENT, "type": "x"}], BATCH, "/dry-run"))

    assert (one["outcome"], one["deployments"][0]["service"]) == ("projected", "checkout")
    assert [each["outcome"] for each in batch["items"]] == ["projected", "not_ours"]
    assert items(client, "events") == items(client, "deployments") == []
