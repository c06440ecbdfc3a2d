"""Overrides that change nothing: without them, every overlay renders to the same.

Such an override is tried with a sentinel in its place. If that is seen nowhere either, it matches
nothing, or another one overwrites it; if it is seen, the override says what is there without it.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field

from gitops import patches, transformers
from gitops.checks.context import Context
from gitops.findings import Finding, Severity
from gitops.nodes import without
from gitops.objects import Object
from gitops.overrides import Files, FileSource, Override, entries
from gitops.render import Answer, Job
from gitops.repository import Kustomization, Overlay, Repository

Users = dict[Override, list[Overlay]]
Question = tuple[Overlay, Files]
HINT = "remove it, or correct what it is meant to match"
SAME = "it may be removed: the value is the same without it"
SUSPECTS = 20  # that are tried as what overwrites an override


@dataclass(eq=False)
class Tries:
    """Renderings of overlays with changed files, compared by their digests."""

    context: Context
    _starts: dict[Overlay, Files] = field(default_factory=dict)
    _before: dict[Overlay, str] = field(default_factory=dict)

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
        return [each.error or each.digest for each in self.context.renderer.render(jobs)]

    def change(self, questions: list[Question]) -> list[bool]:
        """Tell for each rendering whether it is another one than without changes.

        What does not render with a change does not do so by chance.
        """
        found = self.digests(questions)
        return [each != self.before(asked[0]) for asked, each in zip(questions, found, strict=True)]


def check(context: Context) -> Iterator[Finding]:
    """Yield each override that changes nothing in any overlay that includes it."""
    every = collect(context)
    tries = Tries(context)
    dead = unchanging(tries, every)
    seen = reached(tries, dead)
    leaves = {each: overlays for each, overlays in dead.items() if each.part_of}
    wholes: Users = {each.part_of: overlays for each, overlays in leaves.items() if each.part_of}
    nothing = unchanging(tries, wholes) if leaves else {}
    lost: Users = {}
    for each, overlays in dead.items():
        if each.part_of not in nothing or len({e in seen for e in of(dead, each.part_of)}) > 1:
            if each in seen or each.severity is not Severity.ERROR:
                severity = Severity.NOTE if each in seen else each.severity
                yield finding(each, overlays, "changes nothing", severity)
            else:
                lost[each] = overlays
    for each, overlays in nothing.items():
        parts = of(dead, each)
        if all(part in seen for part in parts):
            yield finding(each, overlays, "changes nothing", Severity.NOTE)
        elif not any(part in seen for part in parts):
            why = overwriters(tries, every, {part: dead[part] for part in parts})
            how = next(iter(why.values()), "matches nothing")
            yield finding(each, overlays, how, Severity.ERROR)
    overwritten = overwriters(tries, every, lost)
    for each, overlays in lost.items():
        yield finding(each, overlays, overwritten.get(each, "matches nothing"), Severity.ERROR)
    yield from dropped_digests(tries, every)


def of(dead: Users, whole: Override | None) -> list[Override]:
    """Return the dead leaves of a patch."""
    return [each for each in dead if each.part_of is not None and each.part_of is whole]


def finding(each: Override, overlays: list[Overlay], how: str, severity: Severity) -> Finding:
    """Return the finding about an override."""
    names = tuple(overlay.name for overlay in overlays)
    hint = SAME if severity is Severity.NOTE else HINT
    return Finding(each.file, each.line, "inert", f"{each.what} {how}", names, hint, severity)


def overrides(repository: Repository, each: Kustomization) -> Iterator[Override]:
    """Yield the overrides of a kustomization, in itself and in the files that it names."""
    yield from entries(repository, each)
    yield from patches.overrides(repository, each)
    yield from transformers.overrides(repository, each)


def collect(context: Context) -> Users:
    """Return every override with the overlays that include it and render to something."""
    full = [each for each in context.rendered if each.objects]
    rendered = {each.overlay for each in context.applied if each.objects}
    variants = {each.overlay for each in full} - rendered
    # Each rendering would fetch it again.
    remote = {each for each in rendered if any(part.is_remote for part in each.tree)}
    if remote:
        names = ", ".join(sorted(each.name for each in remote))
        context.skipped["inert"] = f"in {names}, which include what must be fetched"
    rendered -= remote
    variants = {each for each in variants if not any(part.is_remote for part in each.tree)}
    found: Users = {}
    for kustomization in context.repository.kustomizations.values():
        # A variant is asked only about what is in no overlay.
        users = [each for each in rendered if kustomization in each.tree]
        users = users or [each for each in variants if kustomization in each.tree]
        if users:
            for each in overrides(context.repository, kustomization):
                found[each] = sorted(users, key=lambda overlay: overlay.name)
    return found


def unchanging(tries: Tries, among: Users) -> Users:
    """Return the overrides without which every overlay renders to the same.

    Each is tried in one overlay first: most change that one, and need no other rendering.
    """
    among = {e: users for e, users in among.items() if not is_certain(tries.context, e, users)}
    left = without_effect(tries, {each: users[:1] for each, users in among.items()})
    left = without_effect(tries, {each: among[each][1:] for each in left})
    return {each: overlays for each, overlays in among.items() if each in left}


def is_certain(context: Context, each: Override, users: list[Overlay]) -> bool:
    """Tell whether an override changes something for certain, without rendering.

    What it writes, a key or a part of an image, is in the rendering of an overlay that includes it,
    and nowhere else in what that overlay is made from.
    """
    if each.mark is None:
        return False
    kind, value = each.mark
    return any(
        value in (rendered.keys if kind == "key" else rendered.image_parts)
        and rendered.sources.text.count(value) == 1
        for rendered in map(context.of, users)
    )


def without_effect(tries: Tries, among: Users) -> set[Override]:
    """Return the overrides without which each of the given overlays renders to the same."""
    pairs = [(each, overlay) for each, overlays in among.items() for overlay in overlays]
    changed = tries.change([(it, each.taken_away(tries.start(it))) for each, it in pairs])
    return set(among) - {each for (each, _), is_so in zip(pairs, changed, strict=True) if is_so}


def reached(tries: Tries, among: Users) -> set[Override]:
    """Return the overrides whose sentinel is seen in an overlay: only their value has no effect."""
    questions = [
        (each, overlay, marked)
        for each, overlays in among.items()
        for overlay in overlays
        if (marked := each.marked(tries.start(overlay))) is not None
    ]
    changed = tries.change([(overlay, marked) for _, overlay, marked in questions])
    return {each for (each, _, _), is_so in zip(questions, changed, strict=True) if is_so}


def overwriters(tries: Tries, every: Users, dead: Users) -> dict[Override, str]:
    """Return by what each override is overwritten: without that, its sentinel is seen."""
    asked: list[tuple[Override, Override]] = []
    questions: list[Question] = []
    for each, overlays in dead.items():
        overlay, files = overlays[0], tries.start(overlays[0])
        marked = each.marked(files)
        suspects = suspected(every, each, overlay)
        if marked is None or not suspects:
            continue
        # Several may overwrite it, one after the other: then the one that is not dead itself wins.
        winner = next((one for one in suspects if one not in dead), suspects[-1])
        attempts = [(one, [one]) for one in suspects] + [(winner, suspects)]
        for name, taken in attempts:
            asked.append((each, name))
            questions += [
                (overlay, without_all(files, taken)),
                (overlay, without_all(marked, taken)),
            ]
    digests = tries.digests(questions)
    found: dict[Override, str] = {}
    for (each, other), plain, marked_ in zip(asked, digests[::2], digests[1::2], strict=True):
        if plain != marked_:
            file = tries.context.repository.relative(other.file)
            found.setdefault(each, f"is overwritten by {other.what} ({file}:{other.line})")
    return found


def suspected(every: Users, each: Override, overlay: Overlay) -> list[Override]:
    """Return the other overrides of an overlay that set the same."""
    found = [
        other
        for other, users in every.items()
        if other is not each and overlay in users and other.subject == each.subject
    ]
    return found[:SUSPECTS]


def without_all(files: Files, overrides: list[Override]) -> Files:
    """Return the files without some overrides: the last of a list first, so that none moves."""
    for each in reversed(overrides):
        files = each.taken_away(files)
    return files


def dropped_digests(tries: Tries, among: Users) -> Iterator[Finding]:
    """Yield each new tag that drops the digest that its image has without it."""
    context = tries.context
    pairs = [
        (each, overlay)
        for each, overlays in among.items()
        if each.tag_alone
        for overlay in overlays
        if context.of(overlay).has_digests
    ]
    answers = context.renderer.render(
        Job(overlay.folder, each.taken_away(overlay.files)) for each, overlay in pairs
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
