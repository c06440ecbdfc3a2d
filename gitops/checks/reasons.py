"""Why an override has no effect, and how much that matters."""

from __future__ import annotations

from collections.abc import Mapping

from gitops.checks.context import Context
from gitops.checks.overwriters import are_apart, is_default, owners
from gitops.checks.tries import Question, Tries
from gitops.checks.unknown import is_misspelt
from gitops.findings import Severity
from gitops.overlays import Overlay
from gitops.overrides import Override


def without_effect_by(
    tries: Tries,
    override: Override,
    overlays: list[Overlay],
    other: Override | None,
    *,
    repeats: bool,
    part: Override | None = None,
) -> tuple[str, Severity]:
    """Return why an override has no effect in overlays, and how much that matters.

    `other` is what overwrites it; without one it matches nothing. Whether it `repeats` the value is
    known if nothing changes without that one either. Of a whole patch, `part` has the file.
    """
    context = tries.context
    if other is None:
        return matching_nothing(tries, override, overlays)
    place = f"{other.what} ({context.repository.relative(other.file)}:{other.line})"
    is_repeated = repeats or (other.delivers and other.what == override.what)
    if override.gives:  # which Argo CD and Flux may call by another name
        is_repeated = repeats or is_alike(override, other)
    if is_repeated:
        return f"is repeated by {place}", Severity.NOTE
    if other.fills:
        return f"is filled in by {place}", Severity.NOTE
    # One that Argo CD or Flux overwrites may count wherever they do not apply it.
    if other.delivers:
        return f"is overwritten by {place}", Severity.WARNING
    if override.subject == "namespace" and are_apart(context.repository, override, other):
        return f"is overwritten by {place}", Severity.NOTE
    default = is_default(context.repository, part or override, other, overlays[0])
    return f"is overwritten by {place}", Severity.WARNING if default else Severity.ERROR


def is_alike(override: Override, other: Override) -> bool:
    """Tell whether an override gives the same values as another one that overwrites it."""
    is_of_same = other.delivers or other.subject == override.subject
    return is_of_same and bool(override.gives) and given(override) == given(other)


def are_repeated(
    parts: list[Override], by: Mapping[Override, Override], others: list[Override]
) -> bool:
    """Tell whether what overwrites the parts of a patch gives the same, or `others` say the same.

    These are the parts of another patch: what takes something away gives nothing.
    """
    if all(part in by and is_alike(part, by[part]) for part in parts):
        return True
    said, told = ({(it.saying, frozenset(given(it))) for it in each} for each in (parts, others))
    return said <= told


def given(override: Override) -> set[tuple[str, frozenset[str]]]:
    """Return the values that an override gives, by their keys."""
    return {(it.key, it.texts) for it in override.gives}


def matching_nothing(
    tries: Tries, override: Override, overlays: list[Overlay]
) -> tuple[str, Severity]:
    """Return how an override matches nothing, and how much that matters."""
    # A namespace does no harm where every object is of the whole cluster.
    if override.subject == "namespace":
        return "matches nothing", Severity.NOTE
    if counts_alone(tries, override, overlays):
        return "matches nothing, except where its folder is built alone", Severity.WARNING
    its = owners(tries.context.repository, override)
    if its and all(it.is_bare and not it.is_component for it in its):
        return "matches nothing, as its kustomization includes nothing yet", Severity.WARNING
    if is_for_all(tries.context, override):
        # Argo CD and Flux have such patches for whatever they may apply.
        return "matches nothing", Severity.NOTE if override.delivers else Severity.WARNING
    return "matches nothing", Severity.ERROR


def is_for_all(context: Context, override: Override) -> bool:
    """Tell whether every object of a kind is to be changed, of which there is none.

    So it is by a patch of Argo CD, Flux or a component, which may be for any application, and by
    one of several targets of a replacement.
    """
    its = owners(context.repository, override)
    is_any = override.delivers or (its and all(it.is_component for it in its))
    is_patch = is_any and (override.part_of or override).subject == "patch"
    kind, name = override.scope.kind, override.scope.name
    if not (is_patch or override.fills) or not kind or name:
        return False
    kinds = {each.kind for rendered in context.all_applied for each in rendered.objects}
    return kind in kinds or not is_misspelt(kind, kinds)


def counts_alone(tries: Tries, override: Override, overlays: list[Overlay]) -> bool:
    """Tell whether an override changes something in the base that has it: an overlay deletes it."""
    context, tops = tries.context, {overlay.top.own for overlay in overlays}
    tree = {part for overlay in overlays for part in overlay.tree} - tops
    bases = [each for each in owners(context.repository, override) & tree if not each.is_component]
    alone = [overlay for base in bases if (overlay := context.alone(base))]
    return any(tries.change([Question(override, each, override.taken_away) for each in alone]))
