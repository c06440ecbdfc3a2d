"""Overrides that change something for certain: nothing else of an overlay has what they put there.

Kustomize takes each value of a rendering from a source, where it is beneath the same key, and at
the same path if the source is an object or a patch in the form of one. So a value that is in a
rendered object, and in no other source that may get there, would not be there without the override:
it need not be taken away to know that.
"""

from __future__ import annotations

from collections import defaultdict
from dataclasses import dataclass, field, replace
from typing import Any

from yaml.nodes import Node

from gitops import definitions, nodes, paths, settings
from gitops.checks import image_entries
from gitops.checks.context import Context, Rendered
from gitops.checks.sources import Sources
from gitops.objects import Object
from gitops.overlays import Overlay
from gitops.overrides import Override
from gitops.paths import Path
from gitops.settings import ANY, GENERATED, Scope, Setting

# What kustomize itself sets.
DEFAULTS = {("type", "Secret")}
MAPPING = "\0"  # in place of a value that is no scalar
WITNESSES = 20  # rendered objects that are looked at
Values = dict[str | Path, set[str]]


@dataclass(eq=False)
class Certainty:
    """Tells what is certain about the overrides of a repository's overlays."""

    context: Context
    _values: dict[Object, Values] = field(default_factory=dict)

    def has(self, override: Override, overlay: Overlay) -> bool:
        """Tell whether an override changes something in an overlay for certain."""
        sources = [self.context.sources_of(part) for part in overlay.tree]
        rendered = self.context.of(overlay)
        if any(each.composes for each in sources) or not self._are_scalars(sources, rendered):
            return False
        has_images = any("images" in part.data for part in overlay.tree)
        if (own := image_entries.entry_of(override)) is not None:
            composed = (it for each in sources for it in each.by_key.get("image", ()))
            return all(it.texts for it in composed) and image_entries.is_certain(
                self.context, override, own, rendered
            )
        gives = override.gives
        if any(each.renames_items for each in sources):
            gives = tuple(replace(setting, path=None) for setting in gives)
        return any(
            self._is_alone(setting, rendered, sources)
            for setting in gives
            if setting.key != "image" or not has_images
        )

    def misses(self, override: Override, overlay: Overlay) -> bool:
        """Tell whether an override is for an image that an overlay does not have, for certain."""
        own, sources = image_entries.entry_of(override), self._of_images(overlay)
        return own is not None and bool(sources) and image_entries.misses(own, overlay, sources)

    def repeats(self, override: Override, overlay: Overlay) -> bool:
        """Tell whether an override is the name that its images have already, for certain."""
        own, sources = image_entries.entry_of(override), self._of_images(overlay)
        if own is None or override.path[2] != "newName" or not sources:
            return False
        return image_entries.repeats(own, overlay, sources)

    def _of_images(self, overlay: Overlay) -> list[Sources]:
        """Return the sources of an overlay; none if images may come from elsewhere."""
        found = [self.context.sources_of(part) for part in overlay.tree]
        return [] if any(each.composes or each.configures_images for each in found) else found

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
                if setting.may_be_at(given.path) and setting.scope.has(thing.kind, thing.name)
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
        every = self._values_of(thing).get(given.key if given.path is None else given.path)
        if every is None or (given.key, thing.kind) in DEFAULTS:
            return None
        if not given.texts:
            return ""
        # A field that refers to an object by its name follows that.
        return next((each for each in every & given.texts if each not in rendered.names), None)

    def _values_of(self, thing: Object) -> Values:
        if thing not in self._values:
            self._values[thing] = values(thing.data)
        return self._values[thing]


def values(data: dict[str, Any]) -> Values:
    """Return the scalars below each key of an object, and at each path, as texts."""
    found: Values = defaultdict(set)
    pending: list[tuple[str, Path | None, Any]] = [("", (), data)]
    while pending:
        key, path, value = pending.pop()
        if isinstance(value, list):
            for each in value:
                its = paths.item(path, key, each) if isinstance(each, dict) else path
                pending.append((key, its, each))
            continue
        if isinstance(value, dict):
            pending += ((its, paths.entry(path, its), below) for its, below in value.items())
        text = MAPPING if isinstance(value, dict) else settings.text(value)
        found[key].add(text)
        if path is not None:
            found[path].add(text)
    return found
