"""An overlay as it was at another git revision."""

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from gitops.revision import Clone
from tools.command import ROOT, ToolError
from tools.overlay import OVERLAYS

BUILD = Path(".build")


@contextmanager
def unpacked(revision: str, *paths: str | Path) -> Iterator[Path]:
    """Provide a folder with the repository, or some paths of it, at a revision, within a block.

    It is under .build/, because a kustomization may refer to another only by a relative path.
    """
    (ROOT / BUILD).mkdir(exist_ok=True)
    with Clone(ROOT).unpacked(revision, *paths, beside=ROOT / BUILD) as folder:
        yield folder


@contextmanager
def overlay_at(revision: str | None, env: str) -> Iterator[Path]:
    """Provide an overlay's folder, as it is or at a revision.

    Raises ToolError for an unknown revision, and for one that has no such overlay.
    """
    base = OVERLAYS / env
    if revision is None:
        yield ROOT / base
        return
    commit = Clone(ROOT).commit(revision)
    if not Clone(ROOT).has(commit, base / "kustomization.yaml"):
        raise ToolError(f"the revision {revision} has no overlay {env}")
    with unpacked(commit, "k8s") as folder:
        yield folder / base
