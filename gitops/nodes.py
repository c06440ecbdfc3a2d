"""YAML with positions: every value knows its line, and any entry can be removed."""

from __future__ import annotations

import codecs
from collections.abc import Callable, Iterator
from copy import copy
from pathlib import Path
from typing import Any

import yaml
from yaml.constructor import SafeConstructor
from yaml.nodes import MappingNode, Node, ScalarNode, SequenceNode

from gitops.errors import GitopsError, UnreadableError

try:
    from yaml import CSafeDumper as Dumper
    from yaml import CSafeLoader as Loader
except ImportError:  # PyYAML without libyaml: slower, the same otherwise
    from yaml import SafeDumper as Dumper  # type: ignore[assignment]
    from yaml import SafeLoader as Loader  # type: ignore[assignment]

Path_ = tuple[str | int, ...]


class Constructor(SafeConstructor):
    """Constructs plain values; a timestamp stays a text, as in Kubernetes."""


Constructor.add_constructor(
    "tag:yaml.org,2002:timestamp",
    Constructor.construct_yaml_str,  # type: ignore[type-var]
)


def compose(text: str, where: str) -> list[Node]:
    """Return the documents of a text. Raises UnreadableError with `where` for invalid YAML."""
    try:
        return [node for node in yaml.compose_all(text, Loader) if not is_null(node)]
    except (yaml.YAMLError, UnicodeEncodeError) as error:  # the latter for what is not UTF-8
        mark = getattr(error, "problem_mark", None)
        line = mark.line + 1 if mark else 0
        raise UnreadableError(where, line, getattr(error, "problem", None) or str(error)) from None


def read(file: Path) -> list[Node]:
    """Return the documents of a file. Raises UnreadableError if it cannot be read."""
    try:
        content = file.read_bytes()
    except OSError as error:
        raise UnreadableError(str(file), 0, error.strerror or str(error)) from None
    is_wide = content.startswith((codecs.BOM_UTF16_LE, codecs.BOM_UTF16_BE))
    try:
        text = content.decode("utf-16" if is_wide else "utf-8")
    except UnicodeDecodeError as error:
        line = content.count(b"\n", 0, error.start) + 1
        raise UnreadableError(str(file), line, f"it is not written in {error.encoding}") from None
    return compose(text, str(file))


def write(documents: list[Node]) -> str:
    """Return documents as YAML text, each as a block.

    Kustomize reads a patch that begins with a bracket as JSON, where a text needs quotation marks.
    """
    blocks = []
    for document in documents:
        block = copy(document)
        if isinstance(block, (MappingNode, SequenceNode)) and block.value:
            block.flow_style = False
        blocks.append(block)
    return str(yaml.serialize_all(blocks, Dumper=Dumper, width=1 << 16, allow_unicode=True))


class Writer(Dumper):
    """Writes plain values; a text of several lines as a block of lines."""


def _represent(writer: Any, text: str) -> ScalarNode:
    found: ScalarNode = writer.represent_scalar(
        "tag:yaml.org,2002:str", text, style="|" if "\n" in text else None
    )
    return found


Writer.add_representer(str, _represent)


def written(value: Any, *, flow: bool) -> str:
    """Return a plain value as YAML text, in one line or as a block, without sorting its keys."""
    text = yaml.dump(
        *(value, None, Writer),
        default_flow_style=flow,
        width=1 << 16,
        allow_unicode=True,
        sort_keys=False,
    )
    return str(text).removesuffix("...\n").strip()


def mapped(node: Any, change: Callable[[str], str]) -> Any:
    """Return a copy of a node with its texts changed, at the same lines."""
    if isinstance(node, ScalarNode):
        text = change(node.value)
        if text == node.value:
            return node
        return ScalarNode(node.tag, text, node.start_mark, node.end_mark, node.style)
    result = copy(node)
    if isinstance(node, MappingNode):
        result.value = [(mapped(key, change), mapped(below, change)) for key, below in node.value]
    elif isinstance(node, SequenceNode):
        result.value = [mapped(item, change) for item in node.value]
    return result


def is_null(node: Node | None) -> bool:
    """Tell whether a node is missing or null."""
    return node is None or node.tag == "tag:yaml.org,2002:null"


def plain(node: Node) -> Any:
    """Return the plain value of a node."""
    try:
        return Constructor().construct_document(node)
    except yaml.YAMLError as error:
        raise GitopsError(f"line {line(node)}: {getattr(error, 'problem', error)}") from None


def scalar(text: str) -> Any:
    """Return the value of a text that is written as a plain scalar: a number, a boolean, a text."""
    tag = Loader("").resolve(ScalarNode, text, (True, False))  # type: ignore[no-untyped-call]
    return plain(ScalarNode(tag, text))


def line(node: Node | None) -> int:
    """Return the line where a node begins, counted from 1."""
    return node.start_mark.line + 1 if node is not None and node.start_mark else 1


def items(node: Node | None) -> Iterator[tuple[str | int, Node]]:
    """Yield the keys of a mapping, or the indexes of a sequence, with the values."""
    if isinstance(node, MappingNode):
        yield from ((key.value, value) for key, value in node.value)
    elif isinstance(node, SequenceNode):
        yield from enumerate(node.value)


def key_line(node: Node | None, key: str | int) -> int:
    """Return the line of an entry: of the key in a mapping, of the item in a sequence."""
    if isinstance(node, MappingNode):
        for its_key, _ in node.value:
            if its_key.value == key:
                return line(its_key)
    return line(get(node, key))


def get(node: Node | None, *path: str | int) -> Node | None:
    """Return the node at a path, or None."""
    for step in path:
        if isinstance(node, MappingNode):
            node = next((value for key, value in node.value if key.value == step), None)
        elif isinstance(node, SequenceNode) and isinstance(step, int):
            node = node.value[step] if 0 <= step < len(node.value) else None
        else:
            return None
    return node


def text(node: Node | None) -> str:
    """Return the text of a scalar, and an empty text for any other node."""
    return str(node.value) if isinstance(node, ScalarNode) else ""


def scalars(node: Node) -> Iterator[ScalarNode]:
    """Yield every scalar value below a node."""
    if isinstance(node, ScalarNode):
        yield node
    for _, value in items(node):
        yield from scalars(value)


def keys(node: Node) -> Iterator[ScalarNode]:
    """Yield every key below a node."""
    if isinstance(node, MappingNode):
        yield from (key for key, _ in node.value)
    for _, value in items(node):
        yield from keys(value)


def without(node: Node, path: Path_) -> Node | None:
    """Return a copy without the entry at a path; None if nothing is left.

    What the entry leaves empty goes with it, and so does a list item that has only a name left.
    """
    step, rest = path[0], path[1:]
    kept: list[Any] = []
    for index, (key, value) in enumerate(items(node)):
        entry = node.value[index]
        if key != step:
            kept.append(entry)
            continue
        below = without(value, rest) if rest else None
        if below is not None and isinstance(node, SequenceNode) and only_name(below):
            below = None
        if below is not None:
            kept.append((entry[0], below) if isinstance(node, MappingNode) else below)
    if not kept:
        return None
    result = copy(node)
    result.value = kept
    return result


def only_name(node: Node) -> bool:
    """Tell whether a list item has nothing but its name."""
    return isinstance(node, MappingNode) and [key.value for key, _ in node.value] == ["name"]


def replaced(node: Node, path: Path_, value: str) -> Node:
    """Return a copy with the scalar at a path replaced by a text."""
    if not path:
        return ScalarNode("tag:yaml.org,2002:str", value, style="|")
    result = copy(node)
    result.value = []
    for index, (key, below) in enumerate(items(node)):
        entry = node.value[index]
        changed = replaced(below, path[1:], value) if key == path[0] else below
        result.value.append((entry[0], changed) if isinstance(node, MappingNode) else changed)
    return result
