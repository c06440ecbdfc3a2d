"""New names of images that are one letter away from what else the same image is called."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterator

from gitops import nodes
from gitops.checks.context import Context
from gitops.checks.unknown import is_one_letter_away, is_open
from gitops.findings import Finding, Severity
from gitops.kustomization import Kustomization

Entry = tuple[Kustomization, int, str]  # with the line of a new name


def check(context: Context) -> Iterator[Finding]:
    """Yield each new name of an image that nearly is its name, or another new name of it."""
    parts = context.repository.parts
    by_name: dict[str, list[Entry]] = defaultdict(list)
    for part in parts:
        for _, image in nodes.items(nodes.get(part.node, "images")):
            node = nodes.get(image, "newName")
            if node is not None and not is_open(nodes.text(node)):
                name = nodes.text(nodes.get(image, "name"))
                by_name[name].append((part, nodes.line(node), nodes.text(node)))
    for name, entries in by_name.items():
        for part, line, new in entries:
            names = [name, *(each for _, _, each in entries)]
            near = next((each for each in names if is_one_letter_away(new, each)), "")
            # Where one of two is used more often, that is the right one.
            if near and names.count(new) <= names.count(near):
                users = [it for it in context.answers if part in it.tree]
                overlays = tuple(each.name for each in users)
                message = f"newName {new} for image {name} is one letter away from {near}"
                if overlays:
                    yield Finding(
                        *(part.file, line, "dangling", message, overlays, HINT, Severity.WARNING)
                    )


HINT = "correct one of the two names"
