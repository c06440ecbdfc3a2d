"""Entries of `images`: which images each is for, and what is certain about them."""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator

from yaml.nodes import Node

from gitops import nodes
from gitops.checks.context import Context, Rendered
from gitops.checks.sources import Sources
from gitops.images import split
from gitops.overlays import Overlay
from gitops.overrides import FileSource, Override

# Where kustomize looks for an image: in a container, and in a volume's `image`.
KEYS = ("image", "reference")
# A name that is no expression, but that a dot stands for any character, as kustomize takes it.
PLAIN = re.compile(r"[\w./-]+")
REST = r"(?::[\w.{}-]*)?(?:@sha256:[\w.{}-]*)?"  # of an image, after its name


def entry_of(override: Override) -> Node | None:
    """Return the entry that an override is a part of; None if it is not in `images`."""
    is_of_images = override.subject == "image" and override.path[:1] == ("images",)
    if not is_of_images or not isinstance(override.source, FileSource):
        return None
    (document, *_) = override.source.read({})
    return nodes.get(document, *override.path[:2])


def entries(overlay: Overlay) -> Iterator[Node]:
    """Yield the entries of all kustomizations of an overlay."""
    for part in overlay.tree:
        yield from (entry for _, entry in nodes.items(nodes.get(part.node, "images")))


def is_certain(context: Context, override: Override, own: Node, rendered: Rendered) -> bool:
    """Tell whether an entry is the only source of what it gives to an image."""
    key, value = str(override.path[2]), nodes.text(nodes.get(own, override.path[2]))
    texts = [context.repository.text(part) for part in rendered.overlay.tree]
    if key == "newName":
        name = re.compile(rf"(?<![\w./-]){re.escape(value)}(?![\w./-])")
        alone = sum(len(name.findall(text)) for text in texts) == 1
        return alone and any(value == split(image)[0] for image in rendered.images)
    if key not in ("newTag", "digest"):  # a suffix is added to a tag of other sources
        return False
    if value in rendered.image_parts and sum(text.count(value) for text in texts) == 1:
        return True
    names = named(own)
    others = [entry for entry in entries(rendered.overlay) if entry is not own]
    if any(nodes.text(nodes.get(entry, "newName")) in names for entry in others):
        return False
    same = [entry for entry in others if nodes.text(nodes.get(entry, key)) == value]
    part = ("newTag", "digest").index(key) + 1
    return (
        not any(is_for(entry, names) for entry in same)
        and not any(":@"[part - 1] + value in text for text in texts)
        and any(split(it)[0] in names and split(it)[part] == value for it in rendered.images)
    )


def misses(own: Node, overlay: Overlay, sources: Iterable[Sources]) -> bool:
    """Tell whether no image of an overlay, nor a name that another entry gives, is an entry's."""
    found = matched(own, overlay, sources)
    return found is not None and not found


def repeats(own: Node, overlay: Overlay, sources: Iterable[Sources]) -> bool:
    """Tell whether an entry gives each image that it is for the name that this has already."""
    name = nodes.text(nodes.get(own, "name"))
    found = matched(own, overlay, sources)
    is_same = found is not None and nodes.text(nodes.get(own, "newName")) == name
    return is_same and all(image.startswith(name) for image in found or ())


def matched(own: Node, overlay: Overlay, sources: Iterable[Sources]) -> set[str] | None:
    """Return the images, and the names given by others, that an entry may be for.

    None if that is not known.
    """
    name = nodes.text(nodes.get(own, "name"))
    found = [it for each in sources for key in KEYS for it in each.by_key.get(key, ())]
    if not PLAIN.fullmatch(name) or not all(it.texts for it in found):
        return None
    images = {text for it in found for text in it.texts}
    images |= {nodes.text(nodes.get(it, "newName")) for it in entries(overlay) if it is not own}
    return set(filter(re.compile(name + REST).fullmatch, images))


def may_meet(one: Override, other: Override) -> bool:
    """Tell whether two overrides of images may be for the same one."""
    own, its = entry_of(one), entry_of(other)
    if own is None or its is None:
        return True
    if own is its:  # its parts go together, but for a suffix, which is of a tag that is there
        return nodes.get(own, "tagSuffix") is not None
    return is_for(own, named(its)) or is_for(its, named(own))


def named(entry: Node | None) -> set[str]:
    """Return the names in an entry."""
    return {nodes.text(nodes.get(entry, key)) for key in ("name", "newName")} - {""}


def is_for(entry: Node, names: set[str]) -> bool:
    """Tell whether an entry may be for an image: its name is an expression."""
    try:
        pattern = re.compile(nodes.text(nodes.get(entry, "name")))
    except re.error:  # Go has others
        return True
    return bool(named(entry) & names) or any(pattern.fullmatch(name) for name in names)
