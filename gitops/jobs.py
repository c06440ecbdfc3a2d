"""What the renderer is asked, and what it answers."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from gitops.options import PLAIN, Options
from gitops.overlays import Overlay

Files = Mapping[Path, str]


@dataclass(frozen=True)
class Job:
    """A folder to render, with files that are read instead of those on disk.

    The answer has the objects, unless it is to have the digest only, and YAML if that is asked for.
    """

    folder: Path
    files: Files = field(default_factory=dict)
    digest: bool = False
    yaml: bool = False
    options: Options = PLAIN

    @property
    def want(self) -> list[str]:
        """What the renderer is to answer beside the digest."""
        return ["objects"] * (not self.digest) + ["yaml"] * self.yaml

    @property
    def replaced(self) -> dict[str, str]:
        """Its files by every path that kustomize may read them by: of a link, where it leads."""
        links = {path.resolve(): text for path, text in self.files.items() if path.is_symlink()}
        return {str(path): text for path, text in {**links, **self.files}.items()}

    @property
    def is_kept(self) -> bool:
        """Whether its answer is kept: helm and plugins read what nobody sees."""
        return not self.yaml and self.options == PLAIN

    @classmethod
    def of(cls, overlay: Overlay, files: Files | None = None, *, digest: bool = False) -> Job:
        """Return the job that renders an overlay, perhaps with other files than its own."""
        return cls(
            overlay.folder,
            overlay.top.merged(overlay.files if files is None else files),
            digest,
            options=overlay.options,
        )


@dataclass(frozen=True)
class Answer:
    """What a folder renders to: what the job asks for, or kustomize's error.

    Objects that are equal are one, whichever answers of a renderer have them: none may be changed.
    """

    yaml: str = ""
    objects: tuple[dict[str, Any], ...] = ()
    digest: str = ""
    error: str = ""
