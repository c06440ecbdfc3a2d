"""Which images a sync deploys, and which service each of them is."""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping, Sequence
from typing import Any, NamedTuple

from api.domain.events.adapter import NotOursError, UnmappedError
from api.domain.events.adapters.argocd.operation import applied_images, is_partial
from api.domain.events.rules import LeftOutError, Mapper, Names

DIGEST = re.compile(r"sha256:[0-9a-f]{64}")


class Image(NamedTuple):
    """An image's reference: `repository:tag@digest`; `name` is the last part of the repository."""

    name: str
    repository: str
    tag: str | None
    digest: str | None


def parse(reference: str) -> Image:
    """Return the parts of an image's reference, as the distribution reference grammar has them."""
    named, _, digest = reference.partition("@")
    path, slash, last = named.rpartition("/")
    name, _, tag = last.partition(":")
    return Image(
        name, f"{path}{slash}{name}", tag or None, digest if DIGEST.fullmatch(digest) else None
    )


def deployed(
    status: Mapping[str, Any], fields: Mapping[str, Any], mapper: Mapper, *, final: bool
) -> list[tuple[Names, Image | None]]:
    """Return each service that a sync deploys, and its image; without images, the Application.

    What the sync itself has applied comes first (Argo CD 3 says so), then what runs: while pods are
    replaced, that is the old image and the new. Raises NotOursError as long as it is not known,
    UnmappedError if that is for the rules to say, and LeftOutError if they leave out all.
    """
    applied = applied_images(status["operationState"])
    running = (status.get("summary") or {}).get("images") or []
    if status["operationState"]["phase"] in ("Running", "Terminating"):
        running = []
    if not applied and not running:
        if is_partial(status["operationState"]):
            raise NotOursError("It has synced some resources, and none of them has an image.")
        if not final:
            raise NotOursError("It does not say yet which images it deploys.")
        return [(mapper.names(fields), None)]
    found: dict[str, tuple[Names, Image]] = {}
    left_out: list[LeftOutError] = []
    for references in (applied, running):
        for names, several in _by_service(references, fields, mapper, left_out):
            if names.service in found:
                continue
            if len(several) > 1:
                raise _ambiguous(names.service, several, final=final)
            found[names.service] = names, several[0]
    if not found:
        raise left_out[0]
    return [found[service] for service in sorted(found)]


def _by_service(
    references: Iterable[str],
    fields: Mapping[str, Any],
    mapper: Mapper,
    left_out: list[LeftOutError],
) -> Iterable[tuple[Names, Sequence[Image]]]:
    found: dict[str, tuple[Names, list[Image]]] = {}
    for image in map(parse, sorted(set(references))):
        try:
            names = mapper.names({**fields, "image": image._asdict()})
        except LeftOutError as error:
            left_out.append(error)
            continue
        found.setdefault(names.service, (names, []))[1].append(image)
    return found.values()


def _ambiguous(service: str, several: Sequence[Image], *, final: bool) -> Exception:
    told = ", ".join(f"{each.repository}:{each.tag or each.digest}" for each in several)
    if not final:
        return NotOursError(f"Which image of {service} it deploys is not known yet: {told}.")
    return UnmappedError(
        f"Several images are those of {service}: {told}. Tell them apart by the rule for service,"
        " or let the template send operationState.syncResult.resources."
    )
