"""Derive the service, the environment and the version that an event is about from its fields."""

from __future__ import annotations

import re
from collections.abc import Mapping
from typing import Any, NamedTuple

from api.domain.events.names import fits, slug, version
from api.domain.events.rules import FIELD, SourceRules

# Of a field; far more than a name or a version can be. Some fields are read for each image.
FIELD_LENGTH = 1024


class Names(NamedTuple):
    """The service, environment and version that an event is about."""

    service: str
    environment: str
    version: str


class UnmappedNameError(Exception):
    """The result of a template is empty; the message says which."""


class LeftOutError(Exception):
    """The rules leave out this event; the message says why."""


class Mapper(NamedTuple):
    """Derives names from events by the rules for one source."""

    rules: SourceRules

    def names(self, fields: Mapping[str, Any]) -> Names:
        """Return the names that the rules derive from the fields of an event.

        Raises UnmappedNameError and LeftOutError.
        """
        service = self.name("service", fields)
        environment = self.name("environment", fields)
        found = version(self._filled("version", fields))
        if not found:
            raise UnmappedNameError("The template for version has an empty result.")
        return Names(service, environment, found)

    def check_image(self, repository: str) -> None:
        """Raise LeftOutError if the rules say that an image is no service."""
        patterns = self.rules.images
        if patterns is not None and not any(fits(pattern, repository) for pattern in patterns):
            raise LeftOutError(f"The rules leave out the image {repository[:FIELD_LENGTH]}.")

    def name(self, kind: str, fields: Mapping[str, Any]) -> str:
        """Return the name of the service or the environment, as `names` does."""
        made = slug(self._filled(kind, fields))
        if not made:
            raise UnmappedNameError(f"The template for {kind} has an empty result.")
        name = _found(getattr(self.rules, f"{kind}s"), made)
        if name is None:
            raise LeftOutError(f"The rules leave out the {kind} {made}.")
        return name

    def _filled(self, kind: str, fields: Mapping[str, Any]) -> str:
        template = getattr(self.rules, kind) or ""

        def fill(found: re.Match[str]) -> str:
            return next(filter(None, (_at(fields, p) for p in found[1].split("|"))), "")

        return FIELD.sub(fill, template)


def _found(table: Mapping[str, str | None], name: str) -> str | None:
    """Return what a table has for a name; without an entry, the name itself."""
    if name in table:
        return table[name]
    fitting = [key for key in table if "*" in key and fits(key, name)]
    return table[max(fitting, key=len)] if fitting else name


def _at(fields: Any, path: str) -> str:
    """Return the text or the number at a path; empty if there is none.

    A name on the path may have dots itself, as labels of Kubernetes have.
    """
    if not path:
        usable = isinstance(fields, str | int) and not isinstance(fields, bool)
        return str(fields)[:FIELD_LENGTH] if usable else ""
    if not isinstance(fields, Mapping):
        return ""
    steps = path.split(".")
    for count in range(1, len(steps) + 1):
        name, rest = ".".join(steps[:count]), ".".join(steps[count:])
        if name in fields and (value := _at(fields[name], rest)):
            return value
    return ""
