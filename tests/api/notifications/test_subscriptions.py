"""Who may subscribe, where to, and what is shown of it."""

from __future__ import annotations

import socket
from typing import Any

import pytest
from flask.testing import FlaskClient

from api.domain.notifications.addresses import RefusedError, is_public, resolve
from api.notifier import Notifier
from tests.api.conftest import Record, json_of, problem
from tests.api.notifications.conftest import Receiver, told

SUBSCRIPTIONS = "/api/v1/subscriptions"


def subscribe(client: FlaskClient, url: str) -> Any:
    return client.post(SUBSCRIPTIONS, json={"url": url, "types": ["deployment.finished"]})


def test_the_secret_is_shown_once(client: FlaskClient) -> None:
    made = subscribe(client, "https://chat.example.com/hooks?room=releases")
    known = {name: each for name, each in json_of(made).items() if name != "secret"}

    assert made.status_code == 201
    assert json_of(made)["secret"].startswith("whsec_")
    assert made.headers["Cache-Control"] == "no-store"
    assert json_of(client.get(made.headers["Location"])) == known
    assert json_of(client.get(SUBSCRIPTIONS))["items"] == [known]


@pytest.mark.usefixtures("secret")
def test_a_subscription_ends_with_what_was_to_be_told(client: FlaskClient, record: Record) -> None:
    record()
    (known,) = json_of(client.get(SUBSCRIPTIONS))["items"]
    where = f"{SUBSCRIPTIONS}/{known['id']}"

    assert client.delete(where).status_code == 204
    assert told(client) == []
    problem(client.get(where), 404)
    problem(client.delete(where), 404)


@pytest.mark.parametrize("scope", ["read", "write"])
def test_only_an_admin_may(client: FlaskClient, scope: str) -> None:
    made = client.post("/api/v1/tokens", json={"name": "x", "scopes": [scope]})
    headers = {"Authorization": f"Bearer {json_of(made)['token']}"}

    problem(client.get(SUBSCRIPTIONS, headers=headers), 403)
    problem(client.get("/api/v1/deliveries", headers=headers), 403)
    problem(client.post(SUBSCRIPTIONS, json={}, headers=headers), 403)


@pytest.mark.parametrize(
    "url",
    [
        "http://chat.example.com/hook",
        "ftp://chat.example.com/hook",
        "https://",
        "https://chat.example.com:port/",
        "https://chat.example.com:0/",
        "https://user:password@chat.example.com/",
        "https://chat.example.com/#fragment",
        "https://chat.example.com/a b",
        "https://chät.example.com/",
        "https://[::1/",
        "https://localhost/",
        "https://127.0.0.2/",
        "https://10.0.0.1/",
        "https://169.254.169.254/latest/meta-data",
        "https://[::1]/",
        "https://[fd00::1]/",
        "https://[::ffff:10.0.0.1]/",
        "https://[64:ff9b::a00:1]/",
        "https://0.0.0.0/",
        "https://224.0.0.1/",
        "chat.example.com",
        "https://hooks..example.com/x",
        "https://.example.com/",
        f"https://{'a' * 64}.example.com/",
        f"https://{'a.' * 130}example.com/",
        "https://hooks-.example.com/",
        "https://hooks%00.example.com/",
        "https://-a.example.com/",
        "https://example.com../",
        "https://./",
        "https://localhost./",
        "https://[2606:4700::1111%25eth0]/",
        "https://[v1.example]/",
        "https://2130706433/",
        "https://0x7f000001/",
        "https://127.1/",
        "https://127.0.0.1./",
        "https://hooks.example.0x1/",
        "https://[::10.0.0.1]/",
        "https://\u00fc.example.com/",
    ],
)
def test_a_url_where_nothing_may_be_sent_is_refused(client: FlaskClient, url: str) -> None:
    found = problem(subscribe(client, url), 422)

    assert found["errors"][0]["pointer"] == "#/url"  # type: ignore[index]
    assert json_of(client.get(SUBSCRIPTIONS))["items"] == []


@pytest.mark.parametrize(
    "url",
    [
        "https://example.com./hook",
        "https://xn--bcher-kva.example/",
        f"https://{'a' * 63}.example.com/",
        "https://1and1.example.com:8443/?a=b",
        "https://my_team.example.com/",
        "https://[2606:4700::1111]/",
        "https://93.184.215.14/",
    ],
)
def test_a_url_that_may_be_public_is_accepted(client: FlaskClient, url: str) -> None:
    assert json_of(subscribe(client, url))["url"] == url


@pytest.mark.parametrize(
    ("address", "public"),
    [
        ("93.184.215.14", True),
        ("2606:2800:21f:cb07:6820:80da:af6b:8b2c", True),
        ("10.1.2.3", False),
        ("172.16.0.1", False),
        ("192.168.0.1", False),
        ("100.64.0.1", False),
        ("169.254.169.254", False),
        ("127.0.0.1", False),
        ("0.0.0.0", False),  # noqa: S104
        ("::", False),
        ("fe80::1%eth0", False),
        ("fd12::1", False),
        ("::ffff:93.184.215.14", False),
        ("64:ff9b::a9fe:a9fe", False),
        ("2002:a00:1::", False),
        ("::10.0.0.1", False),
        ("ff02::1", False),
    ],
)
def test_which_addresses_are_public(address: str, public: bool) -> None:
    assert is_public(address) is public


def resolving(*addresses: str) -> Any:
    def getaddrinfo(*_: object, **__: object) -> list[Any]:
        return [(socket.AF_INET, socket.SOCK_STREAM, 6, "", (each, 443)) for each in addresses]

    return getaddrinfo


def test_a_name_that_leads_inside_is_refused_when_it_is_looked_up(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(socket, "getaddrinfo", resolving("93.184.215.14", "10.0.0.1"))
    with pytest.raises(RefusedError, match="private"):
        resolve("chat.example.com", 443, ())

    assert resolve("chat.example.com", 443, {"chat.example.com"}) == "93.184.215.14"


def test_nothing_is_sent_inside_although_the_name_looked_fine(
    client: FlaskClient,
    record: Record,
    receiver: Receiver,
    notifier: Notifier,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    port = receiver.url.rpartition(":")[2].partition("/")[0]
    subscribe(client, f"https://chat.example.com:{port}/hook")
    monkeypatch.setattr(socket, "getaddrinfo", resolving("127.0.0.1"))
    record()
    notifier.deliver_one()

    (delivery,) = told(client)
    assert delivery["failure"] == "chat.example.com has the private address 127.0.0.1"
    assert receiver.came == []
