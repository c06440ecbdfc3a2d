"""Overrides that change nothing: without them, every overlay renders to the same.

Such an override is tried with a sentinel in its place. If that is seen nowhere either, it matches
nothing, or another one overwrites it; if it is seen, the override says what is there without it.
"""

from __future__ import annotations

from collections.abc import Iterator

from gitops import patches, transformers
from gitops.checks.context import Context, Rendered
from gitops.checks.overwriters import overwriters, owners
from gitops.checks.reasons import are_repeated, without_effect_by
from gitops.checks.tries import Question, Tries, Users
from gitops.findings import Finding, Severity
from gitops.jobs import Answer, Job
from gitops.kustomization import Kustomization
from gitops.objects import Object
from gitops.overlays import Overlay
from gitops.overrides import Override, entries
from gitops.repository import Repository

Known = dict[Kustomization, list[Override]]

HINT = "remove it, or correct what it is meant to match"
SAME = "it may be removed: the value is the same without it"


def check(context: Context) -> Iterator[Finding]:
    """Yield each override that changes nothing in any overlay that includes it."""
    tries, known = Tries(context), Known()
    asked, every = collect(context, context.rendered, known)
    dead = unchanging(tries, asked_about(context, asked))
    if dead and context.reach is not None:
        # They may change something in overlays that are not asked about; the others do so here.
        owning = {part for it in dead for part in owners(context.repository, it)}
        among = [*{*context.rendered_with(owning), *context.rendered}]
        asked, every = collect(context, among, known)
        dead = unchanging(tries, {it: users for it, users in asked.items() if it in dead})
    seen = reached(tries, dead)
    leaves = {override: overlays for override, overlays in dead.items() if override.part_of}
    wholes: Users = {
        override.part_of: overlays for override, overlays in leaves.items() if override.part_of
    }
    nothing = unchanging(tries, wholes) if leaves else {}
    lost: Users = {}
    for override, overlays in dead.items():
        if (
            override.part_of not in nothing
            or len({e in seen for e in of(dead, override.part_of)}) > 1
        ):
            if override in seen or override.severity is not Severity.ERROR:
                severity = Severity.NOTE if override in seen else override.severity
                yield finding(override, overlays, "changes nothing", severity)
            else:
                lost[override] = overlays
    for override, overlays in nothing.items():
        parts = of(dead, override)
        if all(part in seen for part in parts):
            yield finding(override, overlays, "changes nothing", Severity.NOTE)
        elif all(part.severity is not Severity.ERROR for part in parts):
            yield finding(override, overlays, "changes nothing", Severity.WARNING)
        elif not any(part in seen for part in parts):
            by = overwriters(tries, every, {part: dead[part] for part in parts})
            other = next(iter(by.values()), None)
            rest = of(every, other.part_of) if other else []
            repeats = other in dead or are_repeated(parts, by, rest)
            why = without_effect_by(
                tries, override, overlays, other, repeats=repeats, part=parts[0]
            )
            yield finding(override, overlays, *why)
    by = overwriters(tries, every, lost)
    for override, overlays in lost.items():
        other = by.get(override)
        why = without_effect_by(tries, override, overlays, other, repeats=other in dead)
        yield finding(override, overlays, *why)
    yield from dropped_digests(tries, asked)


def of(among: Users, whole: Override | None) -> list[Override]:
    """Return the leaves of a patch that are among some overrides."""
    return [override for override in among if whole is not None and override.part_of is whole]


def finding(override: Override, overlays: list[Overlay], how: str, severity: Severity) -> Finding:
    """Return the finding about an override."""
    names = tuple(overlay.name for overlay in overlays)
    hint = SAME if severity is Severity.NOTE else HINT
    return Finding(
        override.file, override.line, "inert", f"{override.what} {how}", names, hint, severity
    )


def overrides(repository: Repository, kustomization: Kustomization) -> Iterator[Override]:
    """Yield the overrides of a kustomization, in itself and in the files that it names."""
    yield from entries(repository, kustomization)
    yield from patches.overrides(repository, kustomization)
    yield from transformers.overrides(repository, kustomization)


def asked_about(context: Context, every: Users) -> Users:
    """Return the overrides of the overlays that are asked about: bases of them may be rendered."""
    return {
        override: users for override, users in every.items() if any(map(context.is_reached, users))
    }


def collect(context: Context, among: list[Rendered], known: Known) -> tuple[Users, Users]:
    """Return the overrides with the overlays that include them and render to something.

    The first ones are those that can be judged. The others may also change what is set aside there;
    they can overwrite the first.
    """
    full = {rendered.overlay for rendered in among if rendered.objects}
    applied = {overlay for overlay in context.repository.overlays if overlay in full}
    # Each rendering would fetch it again.
    remote = {overlay for overlay in full if is_fetched(overlay)}
    if remote & applied:
        names = ", ".join(sorted(overlay.name for overlay in remote & applied))
        context.skipped["inert"] = f"in {names}, which include what must be fetched"
    applied, variants = applied - remote, full - applied - remote
    asked: Users = {}
    found: Users = {}
    for kustomization in context.repository.parts:
        # A variant is asked only about what is in no overlay.
        users = [overlay for overlay in applied if kustomization in overlay.tree]
        users = users or [overlay for overlay in variants if kustomization in overlay.tree]
        users.sort(key=lambda overlay: overlay.name)
        if users and kustomization not in known:
            known[kustomization] = [*overrides(context.repository, kustomization)]
        every = known[kustomization] if users else []
        found |= dict.fromkeys(every, users)
        if every:
            users = [it for it in users if not is_partial(context, it, kustomization)]
        asked |= dict.fromkeys(every if users else (), users)
    return asked, found


def is_fetched(overlay: Overlay) -> bool:
    """Tell whether an overlay includes something remote that is not set aside."""
    left = {why.file for why in overlay.aside}
    return any(part.is_remote and part.file not in left for part in overlay.tree)


def is_partial(context: Context, overlay: Overlay, kustomization: Kustomization) -> bool:
    """Tell whether a kustomization changes objects that are not rendered here."""
    if not overlay.aside:
        return False
    below = {part.file for part in context.repository.tree(kustomization)}
    found = any(
        why.makes and (kustomization.is_component or why.file in below) for why in overlay.aside
    )
    if found:
        told = context.skipped.get("inert", "what changes something that is set aside: in ")
        name = context.repository.relative(kustomization.folder)
        if name not in told.partition(": in ")[2].split(", "):
            context.skipped["inert"] = told + (name if told.endswith(" in ") else f", {name}")
    return found


def unchanging(tries: Tries, among: Users) -> Users:
    """Return the overrides without which every overlay renders to the same."""
    among = {
        override: users
        for override, users in among.items()
        if not any(tries.certainty.has(override, overlay) for overlay in users)
    }
    smallest, others = divided(tries, among)
    left = without_effect(tries, smallest)
    left = without_effect(tries, {override: others[override] for override in left})
    return {override: overlays for override, overlays in among.items() if override in left}


def divided(tries: Tries, among: Users) -> tuple[Users, Users]:
    """Return overrides with the smallest overlay of each, and with the others.

    Mostly the first tells all that is asked, and needs no other rendering.
    """
    smallest = {override: [min(users, key=tries.size)] for override, users in among.items()}
    others = {it: [user for user in among[it] if user not in smallest[it]] for it in among}
    return smallest, others


def without_effect(tries: Tries, among: Users) -> set[Override]:
    """Return the overrides without which each of the given overlays renders to the same."""
    pairs = [
        (override, overlay)
        for override, overlays in among.items()
        for overlay in overlays
        if not tries.certainty.repeats(override, overlay)
    ]
    changed = tries.change([Question(it, overlay, it.taken_away) for it, overlay in pairs])
    return set(among) - {
        override for (override, _), is_so in zip(pairs, changed, strict=True) if is_so
    }


def reached(tries: Tries, among: Users) -> set[Override]:
    """Return the overrides whose sentinel is seen in an overlay: only their value has no effect."""
    smallest, others = divided(tries, among)
    found = seen_in(tries, smallest)
    return found | seen_in(tries, {it: others[it] for it in among if it not in found})


def seen_in(tries: Tries, among: Users) -> set[Override]:
    """Return the overrides whose sentinel is seen in any of the given overlays."""
    questions = [
        Question(override, overlay, override.with_sentinel)
        for override, overlays in among.items()
        for overlay in overlays
        if override.marked(tries.start(overlay)) is not None
    ]
    changed = tries.change(questions)
    return {it.override for it, is_so in zip(questions, changed, strict=True) if is_so}


def dropped_digests(tries: Tries, among: Users) -> Iterator[Finding]:
    """Yield each new tag that drops the digest that its image has without it."""
    context = tries.context
    pairs = [
        (override, overlay)
        for override, overlays in among.items()
        if override.tag_alone
        for overlay in filter(context.is_reached, overlays)
        if any("sha256:" in context.repository.text(part) for part in overlay.tree)
    ]
    answers = context.renderer.render(
        Job.of(overlay, override.taken_away(overlay.files)) for override, overlay in pairs
    )
    for (override, overlay), answer in zip(pairs, answers, strict=True):
        lost = images(answer) - images(context.answer(overlay))
        if any("@" in image for image in lost):
            message = f"{override.what} drops the digest that the image would have without it"
            hint = "a new tag alone drops the digest: give the new digest too"
            yield Finding(override.file, override.line, "inert", message, (overlay.name,), hint)


def images(answer: Answer) -> set[str]:
    """Return the images of a rendering."""
    objects = [Object(data) for data in answer.objects]
    return {str(container.get("image")) for item in objects for container in item.containers()}
