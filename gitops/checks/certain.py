"""Overrides that change something for certain: nothing else of an overlay has what they put there.

Kustomize takes each value of a rendering from a source, where it is beneath the same key. So a
value that is in a rendered object, and in no other source that may get into this object, would not
be there without the override: it need not be taken away to know that.
"""

from __future__ import annotations

import re
from collections import defaultdict
from dataclasses import dataclass, field
from typing import Any

from yaml.nodes import Node

from gitops import definitions, nodes, settings
from gitops.checks.context import Context, Rendered
from gitops.checks.sources import Sources
from gitops.images import split
from gitops.objects import Object
from gitops.overlays import Overlay
from gitops.overrides import FileSource, Override
from gitops.settings import ANY, GENERATED, Scope, Setting

# What kustomize itself sets.
DEFAULTS = {("type", "Secret")}
MAPPING = "\0"  # in place of a value that is no scalar
WITNESSES = 20  # rendered objects that are looked at


@dataclass(eq=False)
class Certainty:
    """Tells what is certain about the overrides of a repository's overlays."""

    context: Context
    _values: dict[Object, dict[str, set[str]]] = field(default_factory=dict)

    def has(self, override: Override, overlay: Overlay) -> bool:
        """Tell whether an override changes something in an overlay for certain."""
        sources = [self.context.sources_of(part) for part in overlay.tree]
        rendered = self.context.of(overlay)
        if any(each.composes for each in sources) or not self._are_scalars(sources, rendered):
            return False
        has_images = any("images" in part.data for part in overlay.tree)
        if isinstance(override.source, FileSource) and override.subject == "image":
            composed = (it for each in sources for it in each.by_key.get("image", ()))
            return all(it.texts for it in composed) and is_image_certain(
                self.context, override, rendered
            )
        return any(
            self._is_alone(setting, rendered, sources)
            for setting in override.gives
            if setting.key != "image" or not has_images
        )

    def _are_scalars(self, sources: list[Sources], rendered: Rendered) -> bool:
        """Tell whether no replacement copies a mapping, whose keys would be elsewhere, too."""
        return all(
            self._is_scalar(nodes.get(replacement, "source"), rendered)
            for each in sources
            for replacement in each.replacements
        )

    def _is_scalar(self, source: Node | None, rendered: Rendered) -> bool:
        path = settings.steps(nodes.text(nodes.get(source, "fieldPath")))
        if path in ([], ["metadata", "name"], ["metadata", "namespace"]):
            return True
        if nodes.text(nodes.get(source, "kind")) in GENERATED.values() and path[:1] == ["data"]:
            return len(path) > 1
        scope, key = Scope.of_target(source), settings.last(path)
        found = [
            self._values_of(thing).get(key, {MAPPING})
            for thing in rendered.objects
            if scope.has(thing.kind, thing.name)
        ]
        return bool(found) and not any(MAPPING in each for each in found)

    def _is_alone(self, given: Setting, rendered: Rendered, sources: list[Sources]) -> bool:
        """Tell whether a setting is in a rendered object that no other one like it may be in."""
        witnesses = 0
        passed = {definitions.KIND}.union(*(each.renamed for each in sources))
        for thing in rendered.objects:
            if thing.kind in passed or not given.scope.has(thing.kind, thing.name):
                continue
            there = self._there(given, thing, rendered)
            if there is None:
                continue
            same = (
                setting
                for each in sources
                for key in (given.key, ANY)
                for setting in each.by_key.get(key, ())
                if setting.scope.has(thing.kind, thing.name)
            )
            if sum(not it.texts or not there or there in it.texts for it in same) == 1:
                return True
            witnesses += 1
            if witnesses == WITNESSES:
                break
        return False

    def _there(self, given: Setting, thing: Object, rendered: Rendered) -> str | None:
        """Return the text that a setting has in an object; None if it is not there.

        It is empty if the value is not known.
        """
        if given.key == "namespace":
            # Other fields of this name follow what they refer to.
            return next(iter({settings.text(thing.namespace)} & given.texts), None)
        every = self._values_of(thing).get(given.key)
        if every is None or (given.key, thing.kind) in DEFAULTS:
            return None
        if not given.texts:
            return ""
        # A field that refers to an object by its name follows that.
        return next((each for each in every & given.texts if each not in rendered.names), None)

    def _values_of(self, thing: Object) -> dict[str, set[str]]:
        if thing not in self._values:
            self._values[thing] = values(thing.data)
        return self._values[thing]


def is_image_certain(context: Context, override: Override, rendered: Rendered) -> bool:
    """Tell whether an entry of `images` is the only source of what it gives to an image."""
    (document, *_) = override.source.read({})
    own = nodes.get(document, *override.path[:2])
    key, value = str(override.path[2]), nodes.text(nodes.get(document, *override.path))
    texts = [context.repository.text(part) for part in rendered.overlay.tree]
    if key == "newName":
        name = re.compile(rf"(?<![\w./-]){re.escape(value)}(?![\w./-])")
        alone = sum(len(name.findall(text)) for text in texts) == 1
        return alone and any(value == split(image)[0] for image in rendered.images)
    if value in rendered.image_parts and sum(text.count(value) for text in texts) == 1:
        return True
    names = named(own)
    others = [
        entry
        for part in rendered.overlay.tree
        for _, entry in nodes.items(nodes.get(part.node, "images"))
        if entry is not own
    ]
    if any(nodes.text(nodes.get(entry, "newName")) in names for entry in others):
        return False
    same = [entry for entry in others if nodes.text(nodes.get(entry, key)) == value]
    part = ("newTag", "digest").index(key) + 1
    return (
        not any(is_for(entry, names) for entry in same)
        and not any(":@"[part - 1] + value in text for text in texts)
        and any(split(it)[0] in names and split(it)[part] == value for it in rendered.images)
    )


def named(entry: Node | None) -> set[str]:
    """Return the names in an entry of `images`."""
    return {nodes.text(nodes.get(entry, key)) for key in ("name", "newName")} - {""}


def is_for(entry: Node, names: set[str]) -> bool:
    """Tell whether an entry of `images` may be for an image: its name is an expression."""
    try:
        pattern = re.compile(nodes.text(nodes.get(entry, "name")))
    except re.error:  # Go has others
        return True
    return bool(named(entry) & names) or any(pattern.fullmatch(name) for name in names)


def values(data: dict[str, Any]) -> dict[str, set[str]]:
    """Return the scalars below each key of an object, as texts."""
    found: dict[str, set[str]] = defaultdict(set)
    pending: list[tuple[str, Any]] = [("", data)]
    while pending:
        key, value = pending.pop()
        if isinstance(value, dict):
            found[key].add(MAPPING)
            pending += value.items()
        elif isinstance(value, list):
            pending += ((key, item) for item in value)
        else:
            found[key].add(settings.text(value))
    return found
