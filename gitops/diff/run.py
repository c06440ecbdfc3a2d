"""Render every overlay of the working tree and of a revision, and compare them."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import replace
from pathlib import Path

from gitops.aside import at_revision
from gitops.diff.objects import OverlayDiff
from gitops.errors import GitopsError
from gitops.jobs import Answer, Job
from gitops.kustomization import NAMES
from gitops.overlays import Copy, Overlay
from gitops.render import Renderer
from gitops.repository import Repository
from gitops.revision import Clone


def compared(repository: Repository, clone: Clone, base: str) -> list[OverlayDiff]:
    """Return the overlays that differ."""
    with clone.unpacked(base) as copy, Renderer() as renderer:
        path = repository.root.relative_to(clone.top)
        before = at_revision(path, Copy(copy, (*clone.remotes(),)), base)
        names = [each.name for each in (*repository.overlays, *before.overlays)]
        if not names:
            raise GitopsError(f"{repository.root}: no overlay, neither now nor at {base}")
        now, then = overlays(repository, names), overlays(before, names)
        every = [*now.values(), *then.values()]
        rendered = zip(every, renderer.render(map(Job.of, every)), strict=True)
        answers = [delivered(overlay, answer) for overlay, answer in rendered]
        new = dict(zip(now, answers[: len(now)], strict=True))
        old = dict(zip(then, answers[len(now) :], strict=True))
        # Of what cannot be read on one side: it is not removed, nor added.
        unread_now = unread(repository, old.keys() - new.keys())
        old |= unread(before, new.keys() - old.keys())
        new |= unread_now
        # Kustomize names files by their paths: those of the copy mean nothing to anyone.
        old = {name: without(answer, copy) for name, answer in old.items()}
        new = {name: without(answer, clone.top) for name, answer in new.items()}
    found = (OverlayDiff.of(name, old.get(name), new.get(name)) for name in {**new, **old})
    return [each for each in found if each]


def overlays(repository: Repository, names: list[str]) -> dict[str, Overlay]:
    """Return the overlays of these names that can be rendered.

    One that is an overlay on one side only is rendered on both: that another folder includes it
    now, or no longer does, changes nothing of what it renders to.
    """
    return {name: it for name in names if (it := repository.named(name))}


def unread(repository: Repository, names: Iterable[str]) -> dict[str, Answer]:
    """Return the answers for folders of these names whose kustomization cannot be read."""
    faults = [each for each in repository.faults.values() if each.file.name in NAMES]
    said = {
        repository.relative(each.file.parent): f"{each.file}:{each.line}: {each.message}"
        for each in faults
    }
    return {name: Answer(error=said[name]) for name in names if name in said}


def delivered(overlay: Overlay, answer: Answer) -> Answer:
    """Return an answer with the objects as they reach the cluster."""
    return replace(answer, objects=tuple(overlay.top.delivered(answer.objects)))


def without(answer: Answer, copy: Path) -> Answer:
    """Return an answer without the folder of the copy in its error."""
    error = answer.error.replace(f"{copy}/", "").replace(str(copy), ".")
    return Answer("", answer.objects, answer.digest, error)
