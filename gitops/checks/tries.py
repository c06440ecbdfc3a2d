"""Renderings of overlays with changed files: what changes something, and what does not."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, field
from pathlib import Path

from gitops import definitions
from gitops.checks.certain import Certainty
from gitops.checks.context import Context
from gitops.jobs import Job
from gitops.kustomization import NAMES
from gitops.named import PLUGINS
from gitops.nodes import without
from gitops.overlays import Overlay
from gitops.overrides import Files, FileSource, Override
from gitops.renderings import name

Users = dict[Override, list[Overlay]]
ERROR = "error: "  # before what kustomize says of a rendering, in place of its digest


@dataclass(frozen=True, eq=False)
class Question:
    """Whether an overlay renders to something else if an override is changed."""

    override: Override
    overlay: Overlay
    change: Callable[[Files], Files]


@dataclass(eq=False)
class Tries:
    """Renderings of overlays with changed files, compared by their digests.

    An override is tried without the schemas of custom resources. What is seen there is certain;
    what is not may still be seen in these schemas, if it may get there at all.
    """

    context: Context
    certainty: Certainty = field(init=False)
    _starts: dict[Overlay, Files] = field(default_factory=dict)
    _smaller: dict[Overlay, Files | None] = field(default_factory=dict)
    _reaching: dict[Overlay, bool] = field(default_factory=dict)
    _without: dict[Path, str | None] = field(default_factory=dict)  # None for a file without any
    _before: dict[tuple[Overlay, bool], str] = field(default_factory=dict)
    _digests: dict[tuple[Overlay, str], str] = field(default_factory=dict)

    def __post_init__(self) -> None:
        self.certainty = Certainty(self.context)

    def size(self, overlay: Overlay) -> int:
        """Return how many objects an overlay has: the fewer, the sooner it is rendered."""
        return len(self.context.answer(overlay).objects)

    def start(self, overlay: Overlay) -> Files:
        """Return the files to begin with: without annotations that name each transformer."""
        if overlay not in self._starts:
            files: Files = overlay.files
            for part in overlay.tree:
                if "buildMetadata" in part.data:
                    source = FileSource(self.context.repository, part.source)
                    left = without(source.read(files)[0], ("buildMetadata",))
                    files = source.write(files, [left] if left else [])
            self._starts[overlay] = files
        return self._starts[overlay]

    def least(self, overlay: Overlay, override: Override) -> Files:
        """Return the files to begin with, without schemas if the override cannot change any."""
        smaller = self._smaller.get(overlay)
        if smaller is None or self._may_be_in_schemas(override, overlay):
            return self.start(overlay)
        return smaller

    def digests(self, asked: Iterable[tuple[Overlay, Files]]) -> list[str]:
        """Return the digest of each rendering, or its error; none is rendered twice."""
        keys: list[tuple[Overlay, str]] = []
        jobs: dict[tuple[Overlay, str], Job] = {}
        for overlay, files in asked:
            job = Job.of(overlay, files, digest=True)
            keys.append((overlay, name(job)))
            if keys[-1] not in self._digests:
                jobs[keys[-1]] = job
        answers = self.context.renderer.render(jobs.values())
        found = (f"{ERROR}{it.error}" if it.error else it.digest for it in answers)
        self._digests |= zip(jobs, found, strict=True)
        return [self._digests[key] for key in keys]

    def change(self, questions: list[Question]) -> list[bool]:
        """Tell for each question whether the rendering is another one.

        What does not render with a change does not do so by chance. What is for nothing that an
        overlay has need not be tried there.
        """
        asked = [it for it in questions if not self.certainty.misses(it.override, it.overlay)]
        overlays = dict.fromkeys(question.overlay for question in asked)
        self._make_smaller(overlay for overlay in overlays if overlay not in self._smaller)
        smaller = {it: files for it in overlays if (files := self._smaller[it]) is not None}
        seen = self._changing(asked, smaller, is_small=True)
        left = [
            question
            for question in asked
            if question not in seen
            and (
                question.overlay not in smaller
                or self._may_be_in_schemas(question.override, question.overlay)
            )
        ]
        seen |= self._changing(left, {it: self.start(it) for it in overlays}, is_small=False)
        return [question in seen for question in questions]

    def _changing(
        self, questions: list[Question], starts: Mapping[Overlay, Files], *, is_small: bool
    ) -> set[Question]:
        asked = [question for question in questions if question.overlay in starts]
        found = self.digests((it.overlay, it.change(starts[it.overlay])) for it in asked)
        return {
            question
            for question, digest in zip(asked, found, strict=True)
            if digest != self._as_it_is(question.overlay, is_small=is_small)
        }

    def _as_it_is(self, overlay: Overlay, *, is_small: bool) -> str:
        key = overlay, is_small
        if key not in self._before:
            files = self.start(overlay)
            if files == overlay.files:
                self._before[key] = self.context.answer(overlay).digest
            else:
                (self._before[key],) = self.digests([(overlay, files)])
        return self._before[key]

    def _make_smaller(self, overlays: Iterable[Overlay]) -> None:
        """Render overlays without schemas, to compare with; some patches need them."""
        made: dict[Overlay, Files] = {}
        for overlay in overlays:
            self._smaller[overlay] = None
            files = self.start(overlay)
            less = {
                path: text
                for part in overlay.tree
                for path in part.files()
                if path.name not in NAMES
                and path not in files
                and (text := self._without_schemas(path)) is not None
            }
            if less:
                made[overlay] = {**files, **less}
        jobs = [Job.of(overlay, files, digest=True) for overlay, files in made.items()]
        for overlay, answer in zip(made, self.context.renderer.render(jobs), strict=True):
            if not answer.error:
                self._smaller[overlay] = made[overlay]
                self._before[overlay, True] = answer.digest

    def _without_schemas(self, file: Path) -> str | None:
        if file not in self._without:
            full = file.read_text("utf-8", "replace")
            less = definitions.without_schemas(full)
            self._without[file] = less if less != full else None
        return self._without[file]

    def _may_be_in_schemas(self, override: Override, overlay: Overlay) -> bool:
        return override.may_be_in_definitions and self._has_schemas(overlay)

    def _has_schemas(self, overlay: Overlay) -> bool:
        """Tell whether anything of an overlay may change a schema: a plugin may do whatever."""
        if overlay not in self._reaching:
            parts = overlay.tree
            self._reaching[overlay] = any(
                not part.data.keys().isdisjoint(PLUGINS) for part in parts
            ) or definitions.may_be_set(
                file.read_text("utf-8", "replace")
                for part in parts
                for file in {part.file, *part.files()} - {*part.included()}
            )
        return self._reaching[overlay]


def is_error(digest: str) -> bool:
    """Tell whether there is no rendering, but an error in the place of its digest."""
    return digest.startswith(ERROR)
