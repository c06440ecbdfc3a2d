"""The input of every check: a repository, its declarations, and its rendered overlays."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable
from dataclasses import dataclass, field
from functools import cached_property
from pathlib import Path
from threading import Lock

from gitops import optional
from gitops.cache import Cache
from gitops.checks import sources
from gitops.config import Config
from gitops.findings import Finding, Severity
from gitops.images import split
from gitops.jobs import Answer, Job
from gitops.kustomization import Kustomization
from gitops.objects import Object
from gitops.overlays import Overlay
from gitops.places import Sources
from gitops.render import Renderer
from gitops.repository import Repository

# What kustomize says of a patch, a generator or a replacement whose object is not there.
MISSES = re.compile(
    r"no matches for Id|failed to find unique target|does not exist; cannot merge|"
    r"nothing selected by"
)
# What it says of a source that has not the key to copy.
LACKS = re.compile(r"is missing for replacement source|not found in corresponding resource")


@dataclass(frozen=True, eq=False)
class Rendered:
    """An overlay that renders: its objects, and the sources they come from."""

    overlay: Overlay
    digest: str
    objects: tuple[Object, ...]
    sources: Sources

    @cached_property
    def names(self) -> set[str]:
        """The names of its objects."""
        return {each.name for each in self.objects}

    @cached_property
    def images(self) -> set[str]:
        """The images of its containers."""
        return {str(e.get("image")) for each in self.objects for e in each.containers()}

    @cached_property
    def image_parts(self) -> set[str]:
        """The tags and the digests of its images."""
        return {part for image in self.images for part in split(image)[1:] if part}

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
    cache: Cache | None = None  # of what earlier runs have found
    reach: Callable[[Overlay], bool] | None = None  # which overlays are asked about; None for all
    validated: tuple[str, ...] = ()  # the Kubernetes versions that the schemas were of
    skipped: dict[str, str] = field(default_factory=dict)  # rule: why it was not checked
    failures: list[str] = field(default_factory=list)  # of the checks themselves
    _answering: Lock = field(default_factory=Lock, init=False, repr=False)
    _answers: dict[Overlay, Answer] = field(default_factory=dict, init=False)
    _by_overlay: dict[Overlay, Rendered] = field(default_factory=dict, init=False)
    _sources_of: dict[Kustomization, sources.Sources] = field(default_factory=dict, init=False)

    @cached_property
    def variants(self) -> tuple[Overlay, ...]:
        """The overlays with one more component, for each component that no overlay includes."""
        return tuple(optional.variants(self.repository, self.config))

    @cached_property
    def asked(self) -> list[Overlay]:
        """The overlays, the variants of them, and what only a cycle of includes leads to."""
        overlays = [*self.repository.overlays, *self.variants]
        known = {part for overlay in overlays for part in overlay.tree}
        for each in self.repository.kustomizations.values():
            bases = self.repository.includes(each)
            below = {part for base in bases for part in self.repository.tree(base)}
            if each not in known and not each.is_component and each not in below:
                overlays.append(self.repository.overlay(each))
        return overlays

    @cached_property
    def answers(self) -> dict[Overlay, Answer]:
        """What the renderer answered for each overlay that is asked about, and each variant of one.

        The bases of an overlay that does not render are there, too: they are checked by themselves.
        """
        return self._answered([each for each in self.asked if self.is_reached(each)])

    def is_reached(self, overlay: Overlay) -> bool:
        """Tell whether an overlay is asked about: others matter only to what is found in it."""
        return self.reach is None or overlay in self._reached or self.reach(overlay)

    @cached_property
    def _reached(self) -> set[Overlay]:
        """The overlays that are reached, and what includes them: it may have what they lack."""
        tops = {each.top for each in self.asked if self.reach is None or self.reach(each)}
        return {each for each in self.asked if not tops.isdisjoint(each.tree)}

    def _answered(self, overlays: list[Overlay]) -> dict[Overlay, Answer]:
        with self._answering:  # schemas are checked beside the rest
            return self._rendered(overlays)

    def _rendered(self, overlays: list[Overlay]) -> dict[Overlay, Answer]:
        found = {each: self._answers[each] for each in overlays if each in self._answers}
        pending = [each for each in overlays if each not in found]
        known = {each.top for each in self.asked}
        while pending:
            answers = self.renderer.render(map(Job.of, pending))
            found |= zip(pending, answers, strict=True)
            broken = [e for e in pending if found[e].error and e.component is None]
            known |= {part for each, it in found.items() if not it.error for part in each.tree}
            bases = {base: None for each in broken for base in self.repository.includes(each.top)}
            pending = [
                self.repository.overlay(each)
                for each in bases
                if each not in known and not each.is_component
            ]
            known |= bases.keys()
        self._answers |= found
        return {**{each: found[each] for each in overlays}, **found}

    @cached_property
    def all_answers(self) -> dict[Overlay, Answer]:
        """The same for every overlay: only what needs the others asks for them."""
        return {**self._answered(self.asked), **self.answers}

    @cached_property
    def unknown(self) -> list[Overlay]:
        """The overlays that do not render only because they change what is set aside."""
        answers = self.all_answers.items()
        return [overlay for overlay, answer in answers if is_unknown(overlay, answer)]

    @cached_property
    def applied(self) -> list[Rendered]:
        """The overlays that render, without variants and without what stands in for others."""
        return [each for each in self.rendered if each.overlay in self.repository.overlays]

    @cached_property
    def all_applied(self) -> list[Rendered]:
        """The same of every overlay, whether it is asked about or not."""
        return [each for each in self.all_rendered if each.overlay in self.repository.overlays]

    @cached_property
    def rendered(self) -> list[Rendered]:
        """The overlays and variants that render."""
        return [*map(self.of, rendering(self.answers))]

    @cached_property
    def all_rendered(self) -> list[Rendered]:
        """The same of every overlay, whether it is asked about or not."""
        return [*map(self.of, rendering(self.all_answers))]

    def alone(self, part: Kustomization) -> Overlay | None:
        """Return a kustomization as an overlay of its own, if it renders to something by itself."""
        overlay = self.repository.overlay(part)
        answer = self._answered([overlay])[overlay]
        return overlay if answer.objects and not answer.error else None

    def rendered_with(self, parts: set[Kustomization]) -> list[Rendered]:
        """Return the same of the overlays that include any of some kustomizations."""
        found = self._answered([it for it in self.asked if not parts.isdisjoint(it.tree)])
        return [*map(self.of, rendering(found))]

    def of(self, overlay: Overlay) -> Rendered:
        """Return what an overlay renders to."""
        if overlay not in self._by_overlay:
            answer = self.answer(overlay)
            objects = tuple(map(Object, overlay.top.delivered(answer.objects)))
            rendered = Rendered(overlay, answer.digest, objects, Sources(self.repository, overlay))
            self._by_overlay.setdefault(overlay, rendered)
        return self._by_overlay[overlay]

    def answer(self, overlay: Overlay) -> Answer:
        """Return what the renderer answered for an overlay."""
        return self._answers[overlay]

    def sources_of(self, part: Kustomization) -> sources.Sources:
        """Return what the sources of a kustomization set."""
        if part not in self._sources_of:
            self._sources_of[part] = sources.Sources(self.repository, part)
        return self._sources_of[part]

    @property
    def files(self) -> set[Path]:
        """The files of the kustomizations, and those that they name."""
        parts = self.repository.parts
        return {file for each in parts for file in (each.file, *each.files())}

    @property
    def root(self) -> Path:
        """The folder that is checked."""
        return self.repository.root


def rendering(answers: dict[Overlay, Answer]) -> Iterable[Overlay]:
    """Return the overlays that render."""
    return (overlay for overlay, answer in answers.items() if not answer.error)


def is_unknown(overlay: Overlay, answer: Answer) -> bool:
    """Tell whether an overlay does not render only because it changes what is set aside."""
    if LACKS.search(answer.error) and any(why.opens for why in overlay.aside):
        return True
    return bool(MISSES.search(answer.error)) and any(why.makes for why in overlay.aside)
