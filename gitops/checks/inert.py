"""Overrides that change nothing: without them, every overlay renders to the same."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

from gitops.checks.context import Context
from gitops.findings import Finding
from gitops.objects import Object
from gitops.overrides import Override, overrides
from gitops.render import Answer, Job
from gitops.repository import Overlay

Users = dict[Override, list[Overlay]]
HINT = "remove it, or correct what it is meant to match"


def check(context: Context) -> Iterator[Finding]:
    """Yield each override that changes nothing in any overlay that includes it."""
    every = collect(context)
    found = unchanging(context, every)
    leaves = {each: overlays for each, overlays in found.items() if each.part_of}
    wholes: Users = {each.part_of: overlays for each, overlays in leaves.items() if each.part_of}
    nothing = unchanging(context, wholes) if leaves else {}
    for each, overlays in {**found, **nothing}.items():
        if each.part_of not in nothing:
            names = tuple(overlay.name for overlay in overlays)
            message = f"{each.what} changes nothing"
            yield Finding(each.file, each.line, "inert", message, names, HINT)
    yield from dropped_digests(context, every)


def collect(context: Context) -> Users:
    """Return every override with the overlays that include it and render."""
    rendered = {each.overlay for each in context.applied}
    variants = {each.overlay for each in context.rendered} - rendered
    # Each rendering would fetch it again.
    remote = {each for each in rendered if any(part.is_remote for part in each.tree)}
    if remote:
        names = ", ".join(sorted(each.name for each in remote))
        context.skipped["inert"] = f"in {names}, which include what must be fetched"
    rendered -= remote
    variants = {each for each in variants if not any(part.is_remote for part in each.tree)}
    found: dict[tuple[object, ...], tuple[Override, list[Overlay]]] = {}
    for kustomization in context.repository.kustomizations.values():
        # A variant is asked only about what is in no overlay.
        users = [each for each in rendered if kustomization in each.tree]
        users = users or [each for each in variants if kustomization in each.tree]
        users.sort(key=lambda overlay: overlay.name)
        if not users:
            continue
        for each in overrides(context.repository, kustomization):
            # Two kustomizations may take the same patch file: it must bite for one of them.
            key = (each.file, each.line, each.what)
            known = found.setdefault(key, (each, []))
            known[1].extend(user for user in users if user not in known[1])
    return dict(found.values())


def unchanging(context: Context, among: Users) -> Users:
    """Return the overrides without which every overlay renders to the same.

    Each is tried in one overlay first: most change that one, and need no other rendering.
    """
    before = digests(context)
    among = {each: overlays for each, overlays in among.items() if not is_certain(context, each)}
    first = {each: overlays[:1] for each, overlays in among.items()}
    rest = {each: among[each][1:] for each in without_effect(context, first, before) if among[each]}
    left = without_effect(context, rest, before)
    return {each: overlays for each, overlays in among.items() if each in left}


def is_certain(context: Context, each: Override) -> bool:
    """Tell whether an override changes something for certain, without rendering.

    What it writes, a key or a part of an image, is in some rendering, and nowhere else in what that
    overlay is made from.
    """
    if each.mark is None:
        return False
    kind, value = each.mark
    return any(
        value in (rendered.keys if kind == "key" else rendered.image_parts)
        and rendered.sources.text.count(value) == 1
        for rendered in context.rendered
    )


def without_effect(context: Context, among: Users, before: dict[Overlay, str]) -> set[Override]:
    """Return the overrides without which each of the given overlays renders to the same."""
    pairs = [(each, overlay) for each, overlays in among.items() for overlay in overlays]
    jobs = [Job(overlay.folder, edited(overlay, each), digest=True) for each, overlay in pairs]
    answers = context.renderer.render(jobs)
    effective = {
        each
        for (each, overlay), answer in zip(pairs, answers, strict=True)
        # What does not render without it does not do so by chance.
        if answer.error or answer.digest != before[overlay]
    }
    return set(among) - effective


def edited(overlay: Overlay, without: Override) -> dict[Path, str]:
    """Return the files to render an overlay from without an override."""
    return {**overlay.files, **dict([without.edit])}


def digests(context: Context) -> dict[Overlay, str]:
    """Return the digest of what each overlay renders to."""
    return {each: answer.digest for each, answer in context.answers.items()}


def dropped_digests(context: Context, among: Users) -> Iterator[Finding]:
    """Yield each new tag that drops the digest that its image has without it."""
    pairs = [
        (each, overlay)
        for each, overlays in among.items()
        if each.tag_alone
        for overlay in overlays
        if context.of(overlay).has_digests
    ]
    answers = context.renderer.render(
        Job(overlay.folder, edited(overlay, each)) for each, overlay in pairs
    )
    for (each, overlay), answer in zip(pairs, answers, strict=True):
        lost = images(answer) - images(context.answers[overlay])
        if any("@" in image for image in lost):
            message = f"{each.what} drops the digest that the image would have without it"
            hint = "a new tag alone drops the digest: give the new digest too"
            yield Finding(each.file, each.line, "inert", message, (overlay.name,), hint)


def images(answer: Answer) -> set[str]:
    """Return the images of a rendering."""
    objects = [Object(data) for data in answer.objects]
    return {str(container.get("image")) for each in objects for container in each.containers()}
