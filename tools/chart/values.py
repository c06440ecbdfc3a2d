"""The chart's values: what each may be, what it is by default, and what it is in an overlay."""

import copy
import itertools
import re
from collections.abc import Iterator
from functools import cache
from pathlib import Path
from typing import Any

import yaml

from gitops.images import split
from tools import overlay
from tools.chart import sources
from tools.chart.matching import Match, match
from tools.command import ROOT, ToolError

Tree = dict[str, Any]

SETTINGS = ROOT / ".env.example"
NAMESPACE = "slipway"  # of the base, which has none, while values are looked for


def first_sentence(component: Path) -> str:
    """Return the first sentence of a component's README."""
    text = (component / "README.md").read_text(encoding="utf-8").split("\n\n")[1]
    return first(re.sub(r"\[([^]]+)\]\([^)]*\)", r"\1", text))


def first(text: str) -> str:
    """Return the first sentence of a text."""
    return re.split(r"(?<=\.) (?=[A-Z`])", " ".join(text.split()))[0].rstrip(":.") + "."


def sentence(setting: str) -> str:
    """Return the description of a setting in .env.example. Raises ToolError if it has none."""
    text = SETTINGS.read_text(encoding="utf-8")
    found = re.search(rf"((?:^# [^\n=]*\n)+)^# {setting}=", text, re.MULTILINE)
    if not found:
        raise ToolError(f"{SETTINGS.name} does not describe {setting}")
    return first(found[1].replace("# ", ""))


@cache
def schema() -> Tree:
    """Return the schema of the values, that of the settings and the components included."""
    loaded: Tree = yaml.safe_load((sources.HERE / "schema.yaml").read_text(encoding="utf-8"))
    settings = {name for name in defaults_found() if name.startswith("settings.")}
    known = loaded["properties"]["settings"]
    known["properties"] = {
        (key := name.removeprefix("settings.")): {"description": sentence(key), "type": "string"}
        for name in sorted(settings)
    }
    known["required"] = list(known["properties"])
    switches = loaded["properties"]["components"]
    switches["properties"] = {
        sources.value(part.name): {
            "description": first_sentence(part.folder),
            "type": "boolean",
            "default": False,
        }
        for part in sorted(sources.components(), key=lambda part: part.name)
    }
    switches["required"] = list(switches["properties"])
    if apart := [tuple(map(sources.value, pair)) for pair in sources.renderings().exclusive]:
        both = [{"properties": {name: {"const": True} for name in pair}} for pair in apart]
        switches["not"] = {"anyOf": both}
    return {"$schema": "https://json-schema.org/draft/2020-12/schema", **loaded}


def leaves(node: Tree, path: str = "") -> Iterator[tuple[str, Tree]]:
    """Yield each value that has a description, by its dotted name."""
    for name, member in node["properties"].items():
        where = f"{path}{name}"
        if "description" in member:
            yield where, member
        else:
            yield from leaves(member, f"{where}.")


@cache
def defaults_found() -> Tree:
    """Return what the base and the components have in the named places, by dotted names.

    Raises ToolError for a place where the chart's overlay differs from the base without a name.
    """
    alone = [frozenset[str](), *(frozenset([part.name]) for part in sources.components())]
    answers = sources.render(sources.plain(chosen, NAMESPACE) for chosen in alone)
    found: Tree = {}
    for chosen, answer in zip(alone, answers, strict=True):
        what = f"the base with {', '.join(chosen) or 'nothing'}"
        held = match(sources.renderings().of[chosen], sources.must(answer, what), NAMESPACE)
        for name, value in held.values.items():
            if found.setdefault(name, value) != value:
                held.differences.append(f"<{name}> is {value!r}, and {found[name]!r} elsewhere")
        if held.differences:
            raise ToolError(f"tools/chart/overlay differs from {what}: {held.differences[0]}")
    return found


@cache
def defaults() -> Tree:
    """Return the default of every value by its dotted name, as the manifests have it.

    Raises ToolError for a value that stands nowhere, or of which the schema says nothing.
    """
    found = split_image(defaults_found())
    described = dict(leaves(schema()))
    if unknown := found.keys() - described.keys():
        raise ToolError(f"tools/chart/schema.yaml does not describe the value {min(unknown)}")
    every = {name: found.get(name, leaf.get("default")) for name, leaf in described.items()}
    if unset := [name for name, value in every.items() if value is None]:
        raise ToolError(f"nothing in tools/chart/overlay names the value {unset[0]}")
    return every


def split_image(found: Tree) -> Tree:
    """Return values with the image in three parts."""
    name, tag, digest = split(found["image"])
    parts = {"image.repository": name, "image.tag": tag, "image.digest": digest}
    return {**{name: value for name, value in found.items() if name != "image"}, **parts}


def of_overlay(env: str) -> Tree:
    """Return what differs in an overlay from the defaults, by dotted names.

    Raises ToolError for a difference that is in no named place.
    """
    actual = sources.keyed(overlay.rendered(env))
    namespace = overlay.namespace(env)
    taken = taken_by(env)
    options = [part.name for part in sources.options()]
    sets = [
        frozenset(taken) | set(some)
        for size in range(len(options) + 1)
        for some in itertools.combinations(options, size)
    ]
    answers = sources.render(map(sources.pattern, sets))
    matches = [match(sources.must(rendered, env), actual, namespace) for rendered in answers]
    best = min(matches, key=lambda found: (len(found.differences), -len(found.values)))
    if best.differences:
        raise ToolError(
            f"the overlay {env} differs from the base where no value of the chart is: "
            f"{best.differences[0]}; name one there in tools/chart/overlay"
        )
    switches = {f"components.{sources.value(name)}": True for name in taken}
    return {**switches, **changed(best)}


def taken_by(env: str) -> list[str]:
    """Return the names of the components that an overlay includes."""
    folder = ROOT / overlay.OVERLAYS / env
    paths = [
        (folder / component).resolve() for component in sources.read(folder).get("components", [])
    ]
    return [path.name for path in paths if path.parent == sources.COMPONENTS]


def changed(found: Match) -> Tree:
    """Return the values found that are not the defaults."""
    usual = defaults()
    return {n: value for n, value in split_image(found.values).items() if value != usual[n]}


def nested(values: Tree) -> Tree:
    """Return values by dotted names as a tree, of the types that the schema asks for."""
    described = dict(leaves(schema()))
    tree: Tree = {}
    for name, value in values.items():
        *path, last = name.split(".")
        at = tree
        for step in path:
            at = at.setdefault(step, {})
        number = described[name].get("type") == "integer"
        at[last] = int(value) if number else copy.deepcopy(value)
    return tree
