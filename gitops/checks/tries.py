"""Renderings of overlays with changed files: what changes something, and what does not."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass, field

from gitops.checks.certain import Certainty
from gitops.checks.context import Context
from gitops.nodes import without
from gitops.overrides import Files, FileSource, Override
from gitops.render import Job
from gitops.repository import Overlay

Users = dict[Override, list[Overlay]]
Question = tuple[Overlay, Files]


@dataclass(eq=False)
class Tries:
    """Renderings of overlays with changed files, compared by their digests."""

    context: Context
    certainty: Certainty = field(init=False)
    _starts: dict[Overlay, Files] = field(default_factory=dict)
    _before: dict[Overlay, str] = field(default_factory=dict)

    def __post_init__(self) -> None:
        self.certainty = Certainty(self.context)

    def start(self, overlay: Overlay) -> Files:
        """Return the files to begin with: without annotations that name each transformer."""
        if overlay not in self._starts:
            files: Files = overlay.files
            for part in overlay.tree:
                if "buildMetadata" in part.data:
                    source = FileSource(self.context.repository, part.file)
                    left = without(source.read(files)[0], ("buildMetadata",))
                    files = source.write(files, [left] if left else [])
            self._starts[overlay] = files
        return self._starts[overlay]

    def before(self, overlay: Overlay) -> str:
        """Return the digest of what an overlay renders to as it is."""
        if overlay not in self._before:
            files = self.start(overlay)
            if files == overlay.files:
                self._before[overlay] = self.context.answers[overlay].digest
            else:
                (self._before[overlay],) = self.digests([(overlay, files)])
        return self._before[overlay]

    def digests(self, questions: Iterable[Question]) -> list[str]:
        """Return the digest of each rendering, or its error."""
        jobs = [Job(overlay.folder, files, digest=True) for overlay, files in questions]
        return [answer.error or answer.digest for answer in self.context.renderer.render(jobs)]

    def change(self, questions: list[Question]) -> list[bool]:
        """Tell for each rendering whether it is another one than without changes.

        What does not render with a change does not do so by chance.
        """
        found = self.digests(questions)
        return [
            digest != self.before(asked[0]) for asked, digest in zip(questions, found, strict=True)
        ]
