"""Edits of one entry of a YAML file, and of nothing else in it."""

from __future__ import annotations

import re
from collections.abc import Iterator
from copy import copy
from typing import Any

import yaml
from yaml.events import AliasEvent
from yaml.nodes import MappingNode, Node, ScalarNode

from gitops import nodes
from gitops.errors import UnreadableError

Edit = tuple[int, int, str]  # from where to where, and what is there then
Span = tuple[int, int]
# The tag and the anchor of a value.
PROPERTIES = re.compile(r"(?:[!&]\S*\s+)+")
QUOTES = '"'


class Located(yaml.SafeLoader):
    """Composes documents in which an alias is where it is written, and not where its anchor is."""

    def __init__(self, text: str) -> None:
        super().__init__(text)
        self.shared: set[Span] = set()  # where the values are that aliases stand for

    def compose_node(self, parent: Node | None, index: Any) -> Node | None:
        """Compose a node, and a copy for an alias."""
        event = self.peek_event()  # type: ignore[no-untyped-call]
        node: Node | None = super().compose_node(parent, index)
        if isinstance(event, AliasEvent) and node is not None:
            self.shared.add(span(node))
            node = copy(node)
            node.start_mark, node.end_mark = event.start_mark, event.end_mark
        return node


def span(node: Node) -> Span:
    """Return where a node begins and ends."""
    return node.start_mark.index, node.end_mark.index


def located(text: str, where: str) -> tuple[list[Node], set[Span]]:
    """Return the documents of a text, and where the values are that aliases stand for.

    Raises UnreadableError with `where` for invalid YAML.
    """
    try:
        return composed(text)
    except yaml.YAMLError as error:
        # Between values, the parser in Python takes no tab, unlike libyaml and kustomize.
        blank = text.replace("\t", " ")
        if blank != text:
            return located(blank, where)
        raise UnreadableError(where, 0, getattr(error, "problem", None) or str(error)) from None


def composed(text: str) -> tuple[list[Node], set[Span]]:
    """Do what `located` does. Raises YAMLError."""
    loader = Located(text)
    found: list[Node] = []
    try:
        while loader.check_node():
            node: Node | None = loader.get_node()
            found += [node] if node is not None and not nodes.is_null(node) else []
    finally:
        loader.dispose()
    return found, loader.shared


def end_of_line(text: str) -> str:
    """Return what a text ends its lines with."""
    return "\r\n" if "\r\n" in text else "\n"


def applied(text: str, edits: list[Edit]) -> str:
    """Return a text with edits, the last place first, so that none moves."""
    for start, end, new in sorted(edits, reverse=True):
        text = text[:start] + new + text[end:]
    return text


def changes(text: str, entry: MappingNode, values: dict[str, str]) -> Iterator[Edit]:
    """Yield what sets the values of keys in a mapping, and removes those that are empty."""
    added = ""
    for key, value in values.items():
        found = next((pair for pair in entry.value if pair[0].value == key), None)
        if found is not None:
            name, old = found
            yield replacement(text, name, old, value) if value else removal(text, entry, key)
        elif value:
            added += insertion(entry, key, value, end_of_line(text))
    if added:
        at = end(text, entry)
        yield at, at, added


def replacement(text: str, key: Node, value: Node, new: str) -> Edit:
    """Return the edit that puts a text in the place of a value, quoted as that is.

    A tag or an anchor before it stays.
    """
    start, stop = span(value)
    if start == stop:  # there is none
        return key.end_mark.index + 1, key.end_mark.index + 1, f" {new}"
    if before := PROPERTIES.match(text, start, stop):
        start = before.end()
    style = value.style if isinstance(value, ScalarNode) else None
    if style in ("|", ">"):
        new += end_of_line(text)
    elif style:
        new = f"{style}{new.strip(QUOTES)}{style}"
    return start, stop, new


def insertion(entry: MappingNode, key: str, value: str, newline: str) -> str:
    """Return the text that adds a key at the end of a mapping, in the way that this is written."""
    first = entry.value[0][0]
    key = f'"{key}"' if first.style == '"' else key
    if entry.flow_style:
        value = f'"{value.strip(QUOTES)}"' if first.style == '"' else value
        return f", {key}: {value}"
    return f"{newline}{' ' * first.start_mark.column}{key}: {value}"


def end(text: str, entry: MappingNode) -> int:
    """Return where a key is added: after the last value, or at the end of its line."""
    last: int = entry.value[-1][1].end_mark.index
    if entry.flow_style:
        return last
    # The end of a block of text is the beginning of the next line.
    at = text.find("\n", max(entry.value[-1][0].end_mark.index, last - 1))
    return len(text) if at < 0 else at - (text[at - 1] == "\r")


def removal(text: str, entry: MappingNode, key: str) -> Edit:
    """Return the edit that takes away a key with its value."""
    pairs = entry.value
    index = next(number for number, (name, _) in enumerate(pairs) if name.value == key)
    (name, value), start = pairs[index], pairs[index][0].start_mark.index
    # The end of a block of text is the beginning of the next line.
    newline = text.find("\n", max(name.end_mark.index, value.end_mark.index - 1))
    stop = len(text) if newline < 0 else newline + 1
    if entry.flow_style and index + 1 < len(pairs):
        return start, pairs[index + 1][0].start_mark.index, ""
    if entry.flow_style:
        before = pairs[index - 1][1].end_mark.index
        # After a comment the comma may stay: it is no JSON.
        return start if "#" in text[before:start] else before, value.end_mark.index, ""
    if index == 0:  # after the dash of a list: what follows, a comment or the next key, is there
        return start, stop + len(text[stop:]) - len(text[stop:].lstrip()), ""
    return text.rfind("\n", 0, start) + 1, stop, ""
