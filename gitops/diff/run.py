"""Render every overlay of the working tree and of a revision, and compare them."""

from __future__ import annotations

from pathlib import Path

from gitops.diff.objects import OverlayDiff
from gitops.errors import GitopsError
from gitops.render import Answer, Job, Renderer
from gitops.repository import Repository
from gitops.revision import Clone


def compared(repository: Repository, clone: Clone, base: str) -> list[OverlayDiff]:
    """Return the overlays that differ."""
    with clone.unpacked(base) as copy, Renderer() as renderer:
        then = overlays_of(copy / repository.root.relative_to(clone.top), copy, base)
        if not then and not repository.overlays:
            raise GitopsError(f"{repository.root}: no overlay, neither now nor at {base}")
        now = [(each.name, each.folder) for each in repository.overlays]
        answers = renderer.render(Job(folder) for _, folder in [*now, *then])
        names = [name for name, _ in now]
        new = dict(zip(names, answers[: len(now)], strict=True))
        old = dict(zip((name for name, _ in then), answers[len(now) :], strict=True))
        # Kustomize names files by their paths: those of the copy mean nothing to anyone.
        old = {name: without(answer, copy) for name, answer in old.items()}
    found = (OverlayDiff.of(name, old.get(name), new.get(name)) for name in {**new, **old})
    return [each for each in found if each]


def overlays_of(folder: Path, copy: Path, base: str) -> list[tuple[str, Path]]:
    """Return the overlays of a revision. Raises GitopsError if a kustomization is not YAML."""
    try:
        return [(each.name, each.folder) for each in Repository.read(folder).overlays]
    except GitopsError as error:
        raise GitopsError(f"--base {base}: {error.message.replace(f'{copy}/', '')}") from None


def without(answer: Answer, copy: Path) -> Answer:
    """Return an answer without the folder of the copy in its error."""
    error = answer.error.replace(f"{copy}/", "").replace(str(copy), ".")
    return Answer(answer.yaml, answer.objects, answer.digest, error)
