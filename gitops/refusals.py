"""Kustomize's errors, in its own words and without the wrapping, at the line they are about."""

from __future__ import annotations

import json
import re
from collections.abc import Iterator
from pathlib import Path

from yaml.nodes import Node, ScalarNode

from gitops import nodes
from gitops.kustomization import NAMES, Kustomization
from gitops.repository import Repository

# Kustomize wraps each error in those of the folders that lead to it: only the last is news.
WRAPPED = re.compile(
    r"accumulat\w+ (?:resources|components)[^:]*: |recursed (?:accumulation|merging)[^:]*: "
)
# It tries an entry as a file, then as a folder, and tells both errors: what matters is the second
# if it is a folder, else the first.
FOLDER = re.compile(
    r"accumulation err='.*?' must resolve to a file': (?:couldn't make target for path '[^']*': )?"
)
FILE = re.compile(
    r"accumulation err='(?:accumulating resources from '(?P<entry>[^']*)': )?(?P<why>.*?)': "
    r"(?:must build at|new root|\w+ err).*"
)
# A key that it does not know, or whose value is of another type.
KEY = re.compile(r'unknown field "(?P<unknown>\w+)"|struct field Kustomization\.(?P<key>\w+)')
# An object, by its kind and its name.
OBJECT = re.compile(r"of '(?P<kind>\w+)\.[^/']*/(?P<name>[^/']+)\.[^.']+'")
# What goes wrong in a component, as a text of Go's in another one.
COMPONENT = re.compile(r'(?:accumulateDirectory: |loader\.New )(?P<text>"(?:[^"\\]|\\.)*")')
MISSING = re.compile(r"evalsymlink failure on '([^']*)' : lstat \S+: (.*)")
CONFIG = re.compile(r"trouble configuring (builtin \S+) with config: `.*?`: ", re.DOTALL)
# What Go prints of a generator, and of what identifies an object.
GENERATOR = re.compile(r"merging from generator &\{\S+ <nil>\}: ")
IDENTITY = re.compile(r'id resid\.ResId\{.*?Kind:"(\w*)".*?Name:"([^"]*)", Namespace:"[^"]*"\}')
# The objects that `namespace` makes one of, as JSON.
ALIKE = re.compile(
    r"namespace transformation produces ID conflict: \[(?P<objects>\{.*\})\]", re.DOTALL
)
BEFORE = "internal.config.kubernetes.io/previous"
LONGEST = 400
# Words that many lines have: they do not tell which one an error is about.
COMMON = ("kind", "apiVersion", "group", "version", "op", "behavior")


def reason(error: str, root: Path | None = None, top: Path | None = None) -> str:
    """Return kustomize's error in one line, with paths relative to a folder.

    `top` is the folder of the clone that this is in: the paths outside that are left as they are.
    """
    text = unwrapped(" ".join(CONFIG.sub(r"\1: ", error).split()))
    text = MISSING.sub(r"\1: \2", WRAPPED.sub("", text))
    text = IDENTITY.sub(r"\1 \2", GENERATOR.sub("", text))
    text = ALIKE.sub(alike, text)
    if root is not None:
        text = text.replace(f"{root}/", "").replace(str(root), ".")
        above = [each for each in root.parents if top and each.is_relative_to(top)]
        for steps, folder in enumerate(above, 1):
            text = text.replace(f"{folder}/", "../" * steps)
    return text if len(text) <= LONGEST else text[:LONGEST].rstrip() + " …"


def unwrapped(text: str) -> str:
    """Return an error without those of the folders, files and components that lead to it."""
    while True:
        if found := WRAPPED.match(text) or FOLDER.match(text):
            text = text[found.end() :]
        elif found := FILE.fullmatch(text):
            entry, text = found["entry"] or "", found["why"]
            if Path(entry).name not in text:
                text = f"{entry}: {text}"
        elif (found := COMPONENT.fullmatch(text)) and (inner := unquoted(found["text"])):
            text = inner
        else:
            return text


def alike(found: re.Match[str]) -> str:
    """Return what `namespace` makes one object of, in words."""
    decoder, rest, titles, namespace = json.JSONDecoder(), found["objects"], [], ""
    while rest.startswith("{"):
        try:
            each, end = decoder.raw_decode(rest)
        except ValueError:
            return found[0]
        metadata, rest = each["metadata"], rest[end:].lstrip(", ")
        before = metadata.get("annotations", {})
        name = before.get(f"{BEFORE}Names", metadata["name"]).partition(",")[0]
        where = before.get(f"{BEFORE}Namespaces", "").partition(",")[0]
        is_known = where and not where.startswith("_")  # kustomize's mark of what has none
        titles.append(f"{each['kind']} {name}" + f" of {where}" * bool(is_known))
        namespace = metadata.get("namespace", metadata["name"])
    return f"namespace {namespace} gives these objects one name: {', '.join(titles)}"


def unquoted(text: str) -> str:
    """Return what a text of Go's says, if that is written as in JSON."""
    try:
        return " ".join(str(json.loads(text)).split())
    except ValueError:
        return ""


def line_of(repository: Repository, parts: list[Kustomization], message: str) -> tuple[Path, int]:
    """Return the file and line that an error names: the longest text of them that is in it."""
    if (found := KEY.search(message)) and (key := found["unknown"] or found["key"]):
        for file, node in configurations(repository, parts):
            is_there = any(key == each.value for each in nodes.keys(node))
            if "Kustomization" not in message and is_there:
                return file, line_of_key(node, key)
        for part in parts:
            if any(key == each.value for each in nodes.keys(part.node)):
                return part.file, line_of_key(part.node, key)
    if (found := OBJECT.search(message)) and (
        place := object_of(repository, parts, *found.groups())
    ):
        return place
    best = (0, parts[0].file, nodes.line(parts[0].node) if parts[0].delivers else 1)
    for file, scalar, text in [
        found for kustomization in parts for found in named(repository, kustomization)
    ]:
        word = rf"(?<![\w-]){re.escape(text)}(?![\w-])"
        if len(text) > max(best[0], 2) and re.search(word, message):
            best = (len(text), file, nodes.line(scalar))
    return best[1], best[2]


def configurations(
    repository: Repository, parts: list[Kustomization]
) -> Iterator[tuple[Path, Node]]:
    """Yield the files under `configurations`, with their documents."""
    for part in parts:
        for _, entry in nodes.items(nodes.get(part.node, "configurations")):
            file = part.folder / nodes.text(entry)
            for document in repository.documents(file) if file.is_file() else ():
                yield file, document


def object_of(
    repository: Repository, parts: list[Kustomization], kind: str, name: str
) -> tuple[Path, int] | None:
    """Return the file and line of an object, if a file has it under that name."""
    for file in dict.fromkeys(file for part in parts for file in part.files()):
        for document in repository.documents(file):
            its = nodes.get(document, "kind"), nodes.get(document, "metadata", "name")
            if (kind, name) == (nodes.text(its[0]), nodes.text(its[1])):
                return file, nodes.line(document)
    return None


def line_of_key(node: Node, key: str) -> int:
    """Return the line of the first key of a name below a node."""
    return next(nodes.line(each) for each in nodes.keys(node) if each.value == key)


def named(
    repository: Repository, kustomization: Kustomization
) -> Iterator[tuple[Path, ScalarNode, str]]:
    """Yield the values of a kustomization, and the names of the objects in its other files.

    Each comes with the text that an error may name it by.
    """
    for scalar in specific(kustomization.node):
        text = str(scalar.value)
        yield kustomization.file, scalar, text
        if text.startswith("../") and "\n" not in text:
            path = (kustomization.folder / text).resolve()
            yield kustomization.file, scalar, repository.relative(path)
    resources = {*kustomization.included()}
    for file in kustomization.files():
        if file.name not in NAMES and file not in resources:
            for document in repository.documents(file):
                name = nodes.get(document, "metadata", "name")
                if isinstance(name, ScalarNode):
                    yield file, name, str(name.value)


def specific(node: Node) -> Iterator[ScalarNode]:
    """Yield the scalar values below a node, without those that many have."""
    for key, below in nodes.items(node):
        if isinstance(below, ScalarNode):
            if key not in COMMON:
                yield below
        else:
            yield from specific(below)
