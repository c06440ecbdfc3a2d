"""What the documents show is what comes: every example is run, and every operation has one."""

from __future__ import annotations

import re
from collections.abc import Iterator
from typing import Any

import pytest

from tests import examples
from tests.examples import README, REFERENCE, Answer, Ledger, parse

EXAMPLES = [
    pytest.param(number, command, shown, id=f"{number} {parse(command).path}")
    for number, (document, command, shown) in enumerate(
        (document, command, shown)
        for document in (README, REFERENCE)
        for command, shown in examples.examples(document)
    )
]


@pytest.fixture(scope="module")
def running() -> Iterator[Ledger]:
    with examples.ledger() as running:
        yield running


@pytest.fixture(scope="module")
def answers(running: Ledger) -> list[Answer]:
    """Return what each example answers, in the order of the documents."""
    return [
        running.run(command, shown)
        for document in (README, REFERENCE)
        for command, shown in examples.examples(document)
    ]


def alike(shown: Any, came: Any) -> bool:
    """Say whether two JSON values have the same names and types; null and [] may be anything."""
    if shown is None or came is None:
        return True
    if isinstance(shown, dict) and isinstance(came, dict):
        return shown.keys() == came.keys() and all(alike(shown[name], came[name]) for name in shown)
    if isinstance(shown, list) and isinstance(came, list):
        return not shown or not came or alike(shown[0], came[0])
    numbers = isinstance(shown, int | float) and isinstance(came, int | float)
    return numbers or type(shown) is type(came)


@pytest.mark.parametrize(("number", "command", "shown"), EXAMPLES)
def test_what_is_shown_is_what_comes(
    number: int, command: str, shown: Answer, answers: list[Answer]
) -> None:
    came = answers[number]
    names = [[line.partition(":")[0] for line in each.head] for each in (shown, came)]

    if shown.head or shown.status >= 400:
        assert came.status == shown.status, command
    else:
        assert came.status < 300, command
    assert names[0][1:] == names[1][1:]
    assert (shown.body is None) == (came.body is None)
    assert alike(shown.body, came.body)


def test_the_readme_shows_five_commands() -> None:
    assert len(examples.examples(README)) == 5


def test_every_block_is_an_example() -> None:
    for document in (README, REFERENCE):
        assert document.read_text().count("```console") == len(examples.examples(document))


def test_every_operation_has_an_example(running: Ledger) -> None:
    paths = running.client.get("/openapi.json").json["paths"]  # type: ignore[index]
    shown = {
        (request.method.lower(), request.path.partition("?")[0])
        for request in (parse(command) for command, _ in examples.examples(REFERENCE))
    }

    def has_one(method: str, template: str) -> bool:
        path = re.compile(re.sub(r"\\\{\w+\\\}", "[^/]+", re.escape(template)))
        return any(method == verb and path.fullmatch(where) for verb, where in shown)

    described = [(method, path) for path, methods in paths.items() for method in methods]
    assert [each for each in described if not has_one(*each)] == []


def test_a_value_of_an_earlier_answer_is_sent_as_it_came(running: Ledger) -> None:
    path = "curl -s http://127.0.0.1:8888/api/v1/deployments"
    shown = Answer(200, [], {"items": [{"id": "any-id"}], "next_cursor": "any-cursor"})
    first = running.run(f"{path}?limit=1", shown)
    second = running.run(f"{path}/any-id", shown)
    third = running.run(f"{path}?limit=1&cursor=any-cursor", shown)

    assert second.body == first.body["items"][0]
    assert third.status == 200


def test_an_answer_that_is_not_as_shown_is_noticed() -> None:
    shown = {"items": [{"id": "a", "finished_at": None}], "count": 1}

    assert alike(shown, {"items": [{"id": "b", "finished_at": "2026"}], "count": 2.5})
    assert not alike(shown, {"items": [{"id": "b"}], "count": 2})
    assert not alike(shown, {"items": [{"id": 1, "finished_at": None}], "count": 2})
    assert not alike(shown, {"items": {}, "count": 2})
