"""Render every overlay of the working tree and of a revision, and compare them."""

from __future__ import annotations

from pathlib import Path

from gitops.aside import prepared
from gitops.config import Config
from gitops.diff.objects import OverlayDiff
from gitops.errors import GitopsError
from gitops.render import Answer, Job, Renderer
from gitops.repository import Overlay, Repository
from gitops.revision import Clone


def compared(repository: Repository, clone: Clone, base: str) -> list[OverlayDiff]:
    """Return the overlays that differ."""
    with clone.unpacked(base) as copy, Renderer() as renderer:
        before = at_revision(copy / repository.root.relative_to(clone.top), copy, base)
        names = [each.name for each in (*repository.overlays, *before.overlays)]
        if not names:
            raise GitopsError(f"{repository.root}: no overlay, neither now nor at {base}")
        now, then = overlays(repository, names), overlays(before, names)
        answers = renderer.render(map(Job.of, [*now.values(), *then.values()]))
        new = dict(zip(now, answers[: len(now)], strict=True))
        old = dict(zip(then, answers[len(now) :], strict=True))
        # Kustomize names files by their paths: those of the copy mean nothing to anyone.
        old = {name: without(answer, copy) for name, answer in old.items()}
    found = (OverlayDiff.of(name, old.get(name), new.get(name)) for name in {**new, **old})
    return [each for each in found if each]


def overlays(repository: Repository, names: list[str]) -> dict[str, Overlay]:
    """Return the overlays of these names that can be rendered.

    One that is an overlay on one side only is rendered on both: that another folder includes it
    now, or no longer does, changes nothing of what it renders to.
    """
    found = {
        repository.relative(folder): each
        for folder, each in repository.kustomizations.items()
        if not each.is_component
    }
    return {name: repository.overlay(found[name]) for name in names if name in found}


def at_revision(folder: Path, copy: Path, base: str) -> Repository:
    """Read a repository of a revision. Raises GitopsError if a kustomization is not YAML."""
    try:
        return prepared(folder, Config.read(folder))
    except GitopsError as error:
        raise GitopsError(f"--base {base}: {error.message.replace(f'{copy}/', '')}") from None


def without(answer: Answer, copy: Path) -> Answer:
    """Return an answer without the folder of the copy in its error."""
    error = answer.error.replace(f"{copy}/", "").replace(str(copy), ".")
    return Answer("", answer.objects, answer.digest, error)
