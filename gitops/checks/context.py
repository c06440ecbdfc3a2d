"""The input of every check: a repository, its declarations, and its rendered overlays."""

from __future__ import annotations

from dataclasses import dataclass, field
from functools import cached_property
from pathlib import Path

from gitops import optional
from gitops.config import Config
from gitops.findings import Finding, Severity
from gitops.images import split
from gitops.objects import Object, Sources
from gitops.render import Answer, Job, Renderer
from gitops.repository import Overlay, Repository


@dataclass(frozen=True, eq=False)
class Rendered:
    """An overlay that renders: its objects, and the sources they come from."""

    overlay: Overlay
    yaml: str
    objects: tuple[Object, ...]
    sources: Sources

    @cached_property
    def keys(self) -> set[str]:
        """The keys of its ConfigMaps and Secrets."""
        return {
            key
            for each in self.objects
            if each.kind in ("ConfigMap", "Secret")
            for section in ("data", "stringData")
            for key in each.get(section, default={})
        }

    @cached_property
    def image_parts(self) -> set[str]:
        """The tags and the digests of its images."""
        images = [str(e.get("image")) for each in self.objects for e in each.containers()]
        return {part for image in images for part in split(image)[1:] if part}

    @property
    def has_digests(self) -> bool:
        """Whether its sources name a digest anywhere."""
        return "sha256:" in self.sources.text

    def finding(
        self,
        rule: str,
        message: str,
        thing: Object,
        value: object = None,
        hint: str = "",
        severity: Severity = Severity.ERROR,
    ) -> Finding:
        """Return a finding about an object, at the line of one of its values if that is found."""
        file, line = self.sources.find(thing, value)
        return Finding(file, line, rule, message, (self.overlay.name,), hint, severity)


@dataclass(eq=False)
class Context:
    """One run of the checks."""

    repository: Repository
    config: Config
    renderer: Renderer
    base: str | None = None  # the git revision to compare with
    locations: tuple[str, ...] = ()  # of schemas, as kubeconform takes them
    kubernetes: tuple[str, ...] = ()
    validated: tuple[str, ...] = ()  # the Kubernetes versions that the schemas were of
    skipped: dict[str, str] = field(default_factory=dict)  # rule: why it was not checked

    @cached_property
    def variants(self) -> tuple[Overlay, ...]:
        """The overlays with one more component, for each component that no overlay includes."""
        return tuple(optional.variants(self.repository, self.config))

    @cached_property
    def answers(self) -> dict[Overlay, Answer]:
        """What the renderer answered for each overlay and each variant of one."""
        overlays = (*self.repository.overlays, *self.variants)
        answers = self.renderer.render(Job(each.folder, each.files) for each in overlays)
        return dict(zip(overlays, answers, strict=True))

    @cached_property
    def applied(self) -> list[Rendered]:
        """The overlays that render, without variants."""
        return [each for each in self.rendered if each.overlay.component is None]

    @cached_property
    def rendered(self) -> list[Rendered]:
        """The overlays and variants that render."""
        return [
            Rendered(
                overlay,
                answer.yaml,
                tuple(Object(data) for data in answer.objects),
                Sources(self.repository, overlay),
            )
            for overlay, answer in self.answers.items()
            if not answer.error
        ]

    def of(self, overlay: Overlay) -> Rendered:
        """Return what an overlay renders to."""
        return next(each for each in self.rendered if each.overlay is overlay)

    @property
    def root(self) -> Path:
        """The folder that is checked."""
        return self.repository.root
