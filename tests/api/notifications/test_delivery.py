"""What is told is delivered at least once, signed, and given up in the end."""

from __future__ import annotations

import itertools
import json
import shutil
import socket
import ssl
import subprocess
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from contextlib import suppress
from datetime import timedelta
from http.client import HTTPException
from pathlib import Path
from threading import Event, Thread
from urllib.parse import urlsplit
from uuid import UUID

import pytest
from apiflask import APIFlask
from flask.testing import FlaskClient
from prometheus_client import generate_latest
from sqlalchemy import select, update
from standardwebhooks import Webhook, WebhookVerificationError

from api import notifier as module
from api.database import Database
from api.domain.kit.times import now
from api.domain.notifications import addresses
from api.domain.notifications import deliveries as domain
from api.notifier import Notifier, signed
from api.outages import Outage, UnavailableError
from api.tables import changed_facts, deliveries, subscriptions
from tests.api.conftest import Record, json_of, problem
from tests.api.notifications.conftest import INSIDE, Receiver, told

# The one of the examples of Standard Webhooks.
EXAMPLE = "whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw"


def make_due(database: Database, **values: object) -> None:
    with database.write() as connection:
        due = {"due_at": now() - timedelta(seconds=1), **values}
        connection.execute(update(deliveries).values(due))


def drain(notifier: Notifier) -> int:
    number = 0
    while notifier.deliver_one():
        number += 1
    return number


def test_an_independent_verifier_accepts_what_is_sent(
    record: Record, secret: str, receiver: Receiver, notifier: Notifier
) -> None:
    deployment = record()
    drain(notifier)

    ((headers, body),) = receiver.came
    assert Webhook(secret).verify(body.decode(), headers) == json.loads(body)
    assert json.loads(body)["type"] == "deployment.finished"
    assert json.loads(body)["data"] == deployment
    with pytest.raises(WebhookVerificationError):
        Webhook(secret).verify(body.decode() + " ", headers)


def test_the_signature_is_that_of_the_specification() -> None:
    """The example of Standard Webhooks' own documents."""
    headers = signed(
        EXAMPLE,
        "msg_p5jXN8AQM9LWM0D4loKWxJek",
        1614265330,
        b'{"test": 2432232314}',
    )

    assert headers["webhook-signature"] == "v1,g0hM9SsE+OTPJTGt/tmIKtSyZlE3uFJELVlNIOLJ1OE="


def test_what_fails_is_tried_again_with_the_same_id(
    client: FlaskClient,
    database: Database,
    record: Record,
    secret: str,
    receiver: Receiver,
    notifier: Notifier,
) -> None:
    receiver.answers = [503, 301]
    record()
    assert drain(notifier) == 1
    (waiting,) = told(client)
    assert (waiting["state"], waiting["attempts"]) == ("waiting", 1)
    assert waiting["failure"] == "answered 503"
    for _ in range(2):
        make_due(database)
        drain(notifier)

    (sent,) = told(client)
    assert (sent["state"], sent["attempts"], sent["failure"]) == ("sent", 3, None)
    assert [headers["webhook-id"] for headers, _ in receiver.came] == [
        f"msg_{UUID(sent['id']).hex}"
    ] * 3
    assert receiver.paths == ["/hook"] * 3  # the redirect was not followed
    for headers, body in receiver.came:
        Webhook(secret).verify(body.decode(), headers)


@pytest.mark.usefixtures("secret")
def test_the_attempts_are_spread_over_three_days(
    client: FlaskClient,
    database: Database,
    record: Record,
    receiver: Receiver,
    notifier: Notifier,
) -> None:
    receiver.answers = [500] * 10
    record()
    waits = []
    for _ in range(9):
        make_due(database)
        notifier.deliver_one()
        (delivery,) = told(client)
        with database.read() as connection:
            due_at = connection.execute(deliveries.select()).one().due_at
        waits.append((due_at - now()).total_seconds())
    make_due(database)
    notifier.deliver_one()

    hours = [5 / 3600, 5 / 60, 0.5, 2, 5, 10, 14, 20, 24]
    for hour, wait in zip(hours, waits, strict=True):
        assert hour * 3600 - 60 <= wait <= hour * 3600 * 1.2
    (delivery,) = told(client, "?state=dead")
    assert (delivery["attempts"], delivery["failure"]) == (10, "answered 500")


@pytest.mark.usefixtures("secret")
def test_a_receiver_that_is_gone_is_not_asked_again(
    client: FlaskClient, record: Record, receiver: Receiver, notifier: Notifier
) -> None:
    receiver.answers = [410]
    record()
    drain(notifier)

    (dead,) = told(client, "?state=dead")
    again = client.post(f"/api/v1/deliveries/{dead['id']}/retry")
    assert (again.status_code, json_of(again)["state"]) == (202, "waiting")
    drain(notifier)
    assert told(client, "?state=sent")[0]["id"] == dead["id"]
    problem(client.post(f"/api/v1/deliveries/{dead['id']}/retry"), 409)
    nowhere = "01a2063f-66af-738f-a00c-f46db3662472"
    problem(client.post(f"/api/v1/deliveries/{nowhere}/retry"), 404)


@pytest.mark.usefixtures("secret")
@pytest.mark.parametrize("url", ["https://hooks..example.com/x", "https://[::1/", "x"])
def test_a_stored_url_that_cannot_be_used_fails_like_any_other(
    client: FlaskClient, database: Database, record: Record, notifier: Notifier, url: str
) -> None:
    with database.write() as connection:
        connection.execute(update(subscriptions).values(url=url))
    record()
    assert drain(notifier) == 1

    (waiting,) = told(client)
    assert waiting["state"] == "waiting"
    assert waiting["failure"].startswith("must ")


@pytest.mark.usefixtures("secret")
def test_a_name_that_cannot_be_looked_up_is_a_failure(
    client: FlaskClient, record: Record, notifier: Notifier, monkeypatch: pytest.MonkeyPatch
) -> None:
    def getaddrinfo(*_: object, **__: object) -> None:
        raise UnicodeError("label empty or too long")

    monkeypatch.setattr(socket, "getaddrinfo", getaddrinfo)
    record()
    notifier.deliver_one()

    assert told(client)[0]["failure"] == "label empty or too long"


@pytest.mark.usefixtures("secret")
def test_a_name_server_that_does_not_answer_is_a_failure(
    client: FlaskClient, record: Record, notifier: Notifier, monkeypatch: pytest.MonkeyPatch
) -> None:
    answered = Event()
    monkeypatch.setattr(socket, "getaddrinfo", lambda *_, **__: answered.wait(20))
    monkeypatch.setattr(addresses, "RESOLVE_S", 0.05)
    record()
    notifier.deliver_one()
    answered.set()

    assert told(client)[0]["failure"] == f"{INSIDE} was not looked up within 0.05 s"


def drips(connection: socket.socket, stopped: Event) -> None:
    """Send an answer whose headers never end, a byte at a time."""
    for byte in itertools.cycle(b"X: 1\r\n"):
        connection.sendall(bytes([byte]))
        stopped.wait(0.01)


def continues(connection: socket.socket, stopped: Event) -> None:
    """Announce again and again that an answer will come."""
    while not stopped.wait(0.01):
        connection.sendall(b"HTTP/1.1 100 Continue\r\n\r\n")


def is_silent(_connection: socket.socket, stopped: Event) -> None:
    """Answer nothing."""
    stopped.wait(20)


@pytest.mark.parametrize("answer", [drips, continues, is_silent])
def test_a_receiver_that_never_ends_its_answer_is_cut_off_and_comes_after_the_others(
    client: FlaskClient,
    database: Database,
    record: Record,
    receiver: Receiver,
    monkeypatch: pytest.MonkeyPatch,
    answer: Callable[[socket.socket, Event], None],
) -> None:
    stopped = Event()

    def serve(listening: socket.socket) -> None:
        connection, _ = listening.accept()
        with connection, suppress(OSError):
            connection.recv(65536)
            if answer is drips:
                connection.sendall(b"HTTP/1.1 200 OK\r\n")
            answer(connection, stopped)

    monkeypatch.setattr(module, "ANSWER_S", 0.1)
    monkeypatch.setattr(module, "SLOW_S", 0.05)
    notifier = Notifier(database, {INSIDE})
    with socket.create_server((INSIDE, 0)) as listening:
        thread = Thread(target=serve, args=[listening])
        thread.start()
        types = ["deployment.finished"]
        for url in (f"http://{INSIDE}:{listening.getsockname()[1]}/", receiver.url):
            json_of(client.post("/api/v1/subscriptions", json={"url": url, "types": types}))
        record()
        with database.write() as connection:  # the slow one is due first, and has two
            slow = connection.execute(
                select(subscriptions).where(subscriptions.c.url != receiver.url)
            )
            mine = deliveries.c.subscription_id == slow.one().id
            connection.execute(
                update(deliveries).where(mine).values(due_at=now() - timedelta(days=1))
            )
        assert notifier.deliver_one()
        stopped.set()
        thread.join(20)
        waiting = told(client, "?state=waiting")
        with database.write() as connection:
            connection.execute(
                update(deliveries).where(mine).values(due_at=now() - timedelta(days=1))
            )
        assert notifier.deliver_one()

    assert [each["failure"] for each in waiting if each["attempts"]] == [
        "did not answer within 0.1 s"
    ]
    assert len(receiver.came) == 1


def answering(listening: socket.socket, answer: bytes, after_s: float = 0.0) -> Thread:
    """Start a thread that takes one request and sends these bytes."""

    def serve() -> None:
        connection, _ = listening.accept()
        with connection, suppress(OSError):
            connection.recv(65536)
            Event().wait(after_s)
            connection.sendall(answer)

    thread = Thread(target=serve)
    thread.start()
    return thread


def leased_for(listening: socket.socket) -> domain.Leased:
    url = f"http://{INSIDE}:{listening.getsockname()[1]}/"
    return domain.Leased(UUID(int=1), UUID(int=2), 1, url, EXAMPLE, "{}")


def test_an_answer_may_take_longer_than_a_connection(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(module, "CONNECT_S", 0.1)
    with socket.create_server((INSIDE, 0)) as listening:
        thread = answering(listening, b"HTTP/1.1 204 No Content\r\n\r\n", after_s=0.3)
        assert module.send(leased_for(listening), {INSIDE}) == 204
        thread.join(20)


def test_what_came_instead_of_an_answer_is_told_as_such(
    client: FlaskClient, notifier: Notifier, record: Record
) -> None:
    with socket.create_server((INSIDE, 0)) as listening:
        thread = answering(listening, b"sent\r\n")
        subscription = {"url": leased_for(listening).url, "types": ["deployment.finished"]}
        json_of(client.post("/api/v1/subscriptions", json=subscription))
        record()
        assert notifier.deliver_one()
        thread.join(20)

    assert [each["failure"] for each in told(client)] == ["the answer is not HTTP: sent"]


@pytest.mark.parametrize(
    "answer",
    [
        b"",
        b"SSH-2.0-OpenSSH_9.2\r\n",
        b"HTTP/1.1 -1 OK\r\n\r\n",
        b"HTTP/1.1 200 " + b"x" * 100_000,
        b"HTTP/1.1 200 OK\r\n" + b"A: b\r\n" * 1000 + b"\r\n",
    ],
    ids=["nothing", "no-http", "no-status", "long-status-line", "many-headers"],
)
def test_an_answer_that_is_none_is_a_failure(answer: bytes) -> None:
    with socket.create_server((INSIDE, 0)) as listening:
        thread = answering(listening, answer)
        with pytest.raises((HTTPException, OSError)):
            module.send(leased_for(listening), {INSIDE})
        thread.join(20)


@pytest.fixture
def certificate(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """Return a file with a certificate for localhost, which is trusted, and its key."""
    if shutil.which("openssl") is None:
        pytest.skip("no openssl on this machine")
    file = tmp_path / "certificate.pem"
    options = "-newkey ec -pkeyopt ec_paramgen_curve:prime256v1 -nodes -subj /CN=localhost"
    command = f"openssl req -x509 {options} -addext subjectAltName=DNS:localhost"
    made = subprocess.run(
        [*command.split(), "-keyout", "-", "-out", "-"], capture_output=True, check=True
    )
    file.write_bytes(made.stdout)
    monkeypatch.setenv("SSL_CERT_FILE", str(file))
    return file


@pytest.mark.parametrize(("host", "accepted"), [("localhost", True), (INSIDE, False)])
def test_a_certificate_must_be_for_the_host(
    receiver: Receiver, certificate: Path, host: str, accepted: bool
) -> None:
    port = urlsplit(receiver.url).port
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(certificate)
    receiver.server.socket = context.wrap_socket(receiver.server.socket, server_side=True)
    leased = domain.Leased(UUID(int=1), UUID(int=2), 1, f"https://{host}:{port}/", EXAMPLE, "{}")

    if accepted:
        assert module.send(leased, {host}) == 204
    else:
        with pytest.raises(ssl.SSLCertVerificationError):
            module.send(leased, {host})
    assert len(receiver.came) == accepted


@pytest.mark.usefixtures("secret")
def test_several_notifiers_send_each_delivery_once(
    client: FlaskClient, database: Database, record: Record, receiver: Receiver
) -> None:
    for number in range(12):
        record(version=f"1.{number}", source="ci", external_id=str(number))
    with ThreadPoolExecutor(4) as pool:
        sent = sum(pool.map(lambda _: drain(Notifier(database, {INSIDE})), range(4)))

    assert sent == len(receiver.came) == len(told(client, "?state=sent")) == 12
    assert len({headers["webhook-id"] for headers, _ in receiver.came}) == 12


@pytest.mark.usefixtures("secret")
def test_a_crash_between_sending_and_noting_it_sends_again(
    client: FlaskClient,
    database: Database,
    record: Record,
    receiver: Receiver,
    notifier: Notifier,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    record()

    def crash(*_: object, **__: object) -> None:
        raise KeyboardInterrupt

    monkeypatch.setattr(domain, "settle", crash)
    with pytest.raises(KeyboardInterrupt):
        notifier.deliver_one()
    monkeypatch.undo()
    assert drain(notifier) == 0  # it is taken, for a minute
    make_due(database)
    assert drain(notifier) == 1

    first, second = (headers["webhook-id"] for headers, _ in receiver.came)
    assert first == second
    assert told(client)[0]["state"] == "sent"


@pytest.mark.usefixtures("secret")
def test_one_that_took_too_long_does_not_undo_what_another_one_noted(
    client: FlaskClient, database: Database, record: Record, notifier: Notifier
) -> None:
    record()
    with database.write() as connection:
        slow = domain.lease(connection)
    assert slow is not None
    make_due(database)
    drain(notifier)
    with database.write() as connection:
        domain.settle(connection, slow, "timed out", final=False)

    assert told(client)[0]["state"] == "sent"


@pytest.mark.usefixtures("database", "secret")
def test_a_database_that_is_down_is_waited_for(
    record: Record,
    receiver: Receiver,
    notifier: Notifier,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    record()
    stopped, real, calls = Event(), domain.lease, []

    def lease(connection: object, **_: object) -> object:
        calls.append(1)
        if len(calls) == 1:
            raise UnavailableError(Outage.SILENT, "gone")
        found = real(connection)  # type: ignore[arg-type]
        if found is None:
            stopped.set()
        return found

    monkeypatch.setattr(domain, "lease", lease)
    monkeypatch.setattr(module, "IDLE_S", 0.01)
    thread = Thread(target=notifier.run, args=[stopped])
    thread.start()
    thread.join(20)

    assert len(receiver.came) == 1


@pytest.mark.usefixtures("secret")
def test_the_figures_tell_what_was_sent_and_what_waits(
    database: Database, record: Record, receiver: Receiver, notifier: Notifier
) -> None:
    receiver.answers = [503, 204]
    record()
    record(version="2.0")
    make_due(database, created_at=now() - timedelta(hours=1))
    drain(notifier)
    notifier.deliver_one()
    told = generate_latest(notifier.registry).decode()

    assert 'slipway_notification_attempts_total{state="waiting"} 1.0' in told
    assert 'slipway_notification_attempts_total{state="sent"} 1.0' in told
    assert 'slipway_notification_attempts_total{state="dead"} 0.0' in told
    oldest = notifier.registry.get_sample_value("slipway_notification_oldest_waiting_seconds")
    assert oldest is not None
    assert 3600 <= oldest < 3700


@pytest.mark.usefixtures("secret")
def test_what_was_sent_a_week_ago_is_forgotten(
    client: FlaskClient, database: Database, record: Record, notifier: Notifier
) -> None:
    record()
    drain(notifier)
    make_due(database, due_at=now() - timedelta(days=8))
    Notifier(database, {INSIDE}).tidy_up()

    assert told(client) == []


def test_notes_of_what_was_written_do_not_pile_up(
    notifier: Notifier, database: Database, record: Record, monkeypatch: pytest.MonkeyPatch
) -> None:
    def broken(*_: object) -> None:
        raise KeyError

    def notes() -> int:
        with database.read() as connection:
            return len(connection.execute(select(changed_facts)).all())

    record(status="failed")
    with monkeypatch.context() as patched:
        patched.setattr("api.domain.dora.kept.refreshing.refresh", broken)
        Notifier(database, {INSIDE}).tidy_up()  # nothing is kept from being sent
    before = notes()
    notifier.tidy_up()
    after = notes()
    record(status="failed")
    notifier.tidy_up()  # it is not an hour later

    assert (before > 0, after, notes() > 0) == (True, 0, True)


@pytest.mark.usefixtures("client", "secret")
def test_the_command_sends_what_is_due_and_ends(
    app: APIFlask, record: Record, receiver: Receiver
) -> None:
    record()
    done = app.test_cli_runner().invoke(args=["notifications", "deliver", "--once"])

    assert done.exit_code == 0, done.output
    assert len(receiver.came) == 1
