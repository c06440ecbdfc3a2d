"""Images: the parts of a reference, which templates use as `image`, and whose service it is."""

from __future__ import annotations

import re
from collections import ChainMap
from collections.abc import Iterable, Mapping
from typing import Any, NamedTuple

from api.domain.events.mapper import LeftOutError, Mapper, Names

DIGEST = re.compile(r"sha256:[0-9a-f]{64}")


class Image(NamedTuple):
    """An image reference, `repository:tag@digest`; `name` is the last part of the repository."""

    name: str
    repository: str
    tag: str | None
    digest: str | None


def parse(reference: str) -> Image:
    """Return the parts of an image reference (grammar: distribution/reference, reference.go)."""
    tagged, _, digest = reference.partition("@")
    path, slash, last = tagged.rpartition("/")
    name, _, tag = last.partition(":")
    return Image(
        name, f"{path}{slash}{name}", tag or None, digest if DIGEST.fullmatch(digest) else None
    )


def by_service(
    references: Iterable[str],
    fields: Mapping[str, Any],
    mapper: Mapper,
    left_out: list[LeftOutError],
) -> dict[str, tuple[Names, list[Image]]]:
    """Return the images of each service, by its name; add to `left_out` why others are of none."""
    found: dict[str, tuple[Names, list[Image]]] = {}
    own = dict(fields)
    for image in map(parse, sorted(set(references))):
        try:
            mapper.check_image(image.repository)
            names = mapper.names(ChainMap[str, Any]({"image": image._asdict()}, own))
        except LeftOutError as error:
            left_out.append(error)
            continue
        found.setdefault(names.service, (names, []))[1].append(image)
    return found
