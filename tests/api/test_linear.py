"""What a caller sends costs time in proportion to its length, whichever letters are in it."""

from __future__ import annotations

import json
import time
from collections.abc import Callable
from typing import Any

import pytest

from api.domain.events import cloudevents, redaction
from api.domain.events.adapter import Received
from api.domain.events.adapters import ADAPTERS
from api.domain.events.interpret import interpret
from api.domain.events.mapper import LeftOutError, Mapper
from api.domain.events.rules import SourceRules
from api.domain.kit import strictjson
from api.domain.kit.strictjson import AmbiguousJsonError
from api.domain.kit.times import now
from tests.api.events.payloads import argocd, cdevent, flux
from tests.api.events.test_argorollouts import rollout
from tests.api.events.test_flagger import canary
from tests.api.events.test_gitlab import deployment, job, pipeline

RULES = {source: adapter.rules for source, adapter in ADAPTERS.items()}
SIZE = 32 * 1024
TIMES = 8
# Eight times the text takes 64 times as long if each letter is looked at from each other one.
LIMIT = 3 * TIMES

Measured = Callable[[int], Callable[[], object]]

# Apart from what stands around it, or this file would be taken for one that holds a key.
PRIVATE_KEY = "PRIVATE KEY"


def seconds(run: Callable[[], object]) -> float:
    """Return the processor time of the fastest of three runs, in seconds."""
    best = float("inf")
    for _ in range(3):
        started = time.process_time()
        run()
        best = min(best, time.process_time() - started)
    return best


def repeated(part: str, size: int) -> str:
    return part * (size // len(part))


def assert_linear(prepare: Measured) -> None:
    """Compare the time that a text takes with that of one several times as long."""
    small, large = (seconds(prepare(size)) for size in (SIZE, TIMES * SIZE))
    assert large < LIMIT * small + 0.02, (
        f"{small:.4f} s, and for {TIMES} times as much {large:.4f} s"
    )


@pytest.mark.parametrize(
    ("start", "part"),
    [
        ("", "eyJ-"),
        ("", "eyJaaaaaaaa."),
        ("", "eyJaaaaaaaa.bbbbbbbb."),
        ("", "a"),
        ("", "token"),
        ("token", "1"),
        ('token"', " "),
        ("", 'token="'),
        ("", "secret_key-"),
        ("", "authorization: "),
        ("authorization", " "),
        ("", "Basic "),
        ("Basic ", "A"),
        ("Bearer ", "a."),
        ("", "://"),
        ("://", "a:"),
        ("", "-----BEGIN "),
        (f"-----BEGIN {PRIVATE_KEY}-----", "-----END A"),
        ("", "ghp_"),
    ],
)
def test_redacting_a_text(start: str, part: str) -> None:
    def prepare(size: int) -> Callable[[], object]:
        text = start + repeated(part, size)
        return lambda: redaction.redacted({text: text})

    assert_linear(prepare)


def long_name(size: int) -> str:
    return f'{{"{"k" * (size // 2)}": [{"0," * (size // 4)}'


@pytest.mark.parametrize("end", ['{"a": 1, "a": 2}]}', '"\\ud800"]}'])
def test_pointing_at_a_fault_of_json(end: str) -> None:
    def prepare(size: int) -> Callable[[], object]:
        text = long_name(size) + end

        def load() -> None:
            with pytest.raises(AmbiguousJsonError):
                strictjson.loads(text)

        return load

    assert_linear(prepare)


@pytest.mark.parametrize("part", ['"', '\\"', '"\\', "a", "%", '" "'])
def test_reading_a_header_of_a_cloud_event(part: str) -> None:
    def prepare(size: int) -> Callable[[], object]:
        headers = {"ce-extension": f'"{repeated(part, size)}'}
        event = {f"ce-{name}": "x" for name in ("id", "source", "type")}
        return lambda: cloudevents.read(
            "application/json", {**headers, **event, "ce-specversion": "1.0"}, {}
        )

    assert_linear(prepare)


def flat_with_a_long_group(size: int) -> dict[str, Any]:
    below = {f"f{number}": 1 for number in range(size // 20)}
    return {"app": "shop", "k" * (size // 2): below}


def flat_in_depth(size: int) -> dict[str, Any]:
    found: dict[str, Any] = {f"f{number}": 1 for number in range(size // 10)}
    for _ in range(300):
        found = {"_": found}
    return {"app": "shop", **found}


def many_fields_and_images(size: int) -> dict[str, Any]:
    body = argocd(images=[f"a/i{number}:1" for number in range(size // 400)])
    return {**body, **{f"f{number}": 1 for number in range(size // 10)}}


def a_long_field_and_images(size: int) -> dict[str, Any]:
    body = argocd(images=[f"a/i{number}:1" for number in range(size // 400)])
    return {**body, "env": "e" * size}


def many_fields_and_jobs(size: int) -> dict[str, Any]:
    fields = {f"f{number}": 1 for number in range(size // 10)}
    body = pipeline(*(job(number=number) for number in range(size // 2000)), **fields)
    return {**body, **fields, "project": {**body["project"], **fields}}


def many_fields_and_containers(size: int) -> dict[str, Any]:
    images = tuple(f"a/i{number}:1" for number in range(size // 4000))
    return {**rollout(images=images), **{f"f{number}": 1 for number in range(size // 10)}}


EVENTS: dict[str, tuple[str, Callable[[int], dict[str, Any]]]] = {
    "a long group": ("argocd", flat_with_a_long_group),
    "a deep group": ("argocd", flat_in_depth),
    "fields and images": ("argocd", many_fields_and_images),
    "a long field and images": ("argocd", a_long_field_and_images),
    "a long image": ("argocd", lambda size: argocd(images=["a/" * (size // 2)])),
    "a long revision": ("flux", lambda size: flux(revision="a/" * (size // 2))),
    "a long commit": ("flux", lambda size: flux(revision="main@sha1:" + "f" * size)),
    "jobs and fields": ("gitlab", many_fields_and_jobs),
    "a long address": (
        "gitlab",
        lambda size: deployment(commit_url="https://" + "/commit/f" * (size // 9)),
    ),
    "a long ref": ("gitlab", lambda size: deployment(ref="1.2.3" + "-1" * (size // 2))),
    "containers": ("argorollouts", many_fields_and_containers),
    "a long name": ("flagger", lambda size: canary("Promoting", "", 1, namespace="n" * size)),
    "a long path": ("cloudevents", lambda size: cdevent(artifactId="pkg:a/" + "a/" * (size // 2))),
    "qualifiers": (
        "cloudevents",
        lambda size: cdevent(artifactId="pkg:a/a?" + "&b=c" * (size // 4)),
    ),
    "a long subpath": (
        "cloudevents",
        lambda size: cdevent(artifactId="pkg:a/a#" + "%/" * (size // 8)),
    ),
}


@pytest.mark.parametrize("name", EVENTS)
def test_understanding_an_event(name: str) -> None:
    source, body = EVENTS[name]

    def prepare(size: int) -> Callable[[], object]:
        received = Received({}, json.loads(json.dumps(body(size))), "sha256:" + "0" * 64, now())
        return lambda: interpret(ADAPTERS[source], RULES, received)

    assert_linear(prepare)


@pytest.mark.parametrize("pattern", ["*a*b", "a*a*a*b", "*ab*ab*c"])
def test_comparing_an_image_with_a_pattern(pattern: str) -> None:
    mapper = Mapper(SourceRules(images=[pattern]))

    def prepare(size: int) -> Callable[[], object]:
        def compare() -> None:
            with pytest.raises(LeftOutError):
                mapper.check_image("a" * size)

        return compare

    assert_linear(prepare)
