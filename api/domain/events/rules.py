"""Rules: which service, environment and version an event is about, as templates over its body.

A rules file is YAML, by source:

    github:
      service: "{repository.name}"
      environment: "{deployment.environment}"
      environments: {production: prod, "pr-*": null}

`{a.b|c}` is the first of these fields that is not empty; a field's own name may have dots. The
result of a template is turned into a valid name, and then looked up in `services` or
`environments`, whose keys are turned into names alike: null leaves such events out. In a key, `*`
stands for any text; a key without one goes before, and then the longest.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from pathlib import Path
from typing import Annotated, Any

from pydantic import AfterValidator, Field, ValidationError

from api.domain.events.names import name_pattern, slug
from api.domain.kit.models import Incoming
from api.domain.kit.types import Name

FIELD = re.compile(r"\{([^{}]*)\}")
PATH = re.compile(r"[^\s.|{}]+(\.[^\s.|{}]+)*")


def _check_template(template: str) -> str:
    if not template:
        raise ValueError("must not be empty")
    rest = FIELD.sub("", template)
    if "{" in rest or "}" in rest:
        raise ValueError("has an unmatched brace")
    for alternatives in FIELD.findall(template):
        for path in alternatives.split("|"):
            if not PATH.fullmatch(path):
                raise ValueError(f"{{{alternatives}}} is not a field path, as {{a.b}} is")
    return template


def _check_table(table: dict[str, str | None]) -> dict[str, str | None]:
    """Return a table by the names that are looked up in it. Raises ValueError for a useless key."""
    made: dict[str, str | None] = {}
    for key, name in table.items():
        found = name_pattern(key) if "*" in key else slug(key)
        if not found:
            raise ValueError(f"{key!r} can never match: it is no name, nor a pattern of one")
        if made.get(found, name) != name:
            raise ValueError(f"{key!r} is {found} here, and so is another key with another value")
        made[found] = name
    return made


def _check_images(patterns: list[str] | None) -> list[str] | None:
    """Return patterns of image names. Raises ValueError for one that can never match."""
    for pattern in patterns or ():
        last = pattern.rpartition("/")[2]
        if not pattern or ":" in last or re.search(r"[\s@A-Z]", pattern):
            raise ValueError(f"{pattern!r} can never match: it is no name of an image without tag")
    return patterns


Table = Annotated[dict[str, Name | None], AfterValidator(_check_table)]
Template = Annotated[str, AfterValidator(_check_template)]


class SourceRules(Incoming):
    """The rules for one source; the adapter has defaults for what is not given."""

    service: Template | None = None
    environment: Template | None = None
    version: Template | None = None
    # Which images are services, for a sender that names images.
    images: Annotated[list[str] | None, AfterValidator(_check_images)] = None
    services: Table = Field(default={})
    environments: Table = Field(default={})


class RulesError(ValueError):
    """The rules file is invalid; the message lists each fault."""


def load(path: Path | None, defaults: Mapping[str, SourceRules]) -> dict[str, SourceRules]:
    """Return the rules of each source: the file's, on top of the adapters' own.

    Raises RulesError with every fault in the file.
    """
    given = {} if path is None else _read(path)
    faults = [
        f"{name}: is not a source; the sources are {', '.join(defaults)}"
        for name in given.keys() - defaults.keys()
    ]
    rules = dict(defaults)
    for name, source_rules in given.items():
        if name not in defaults:
            continue
        try:
            checked = SourceRules.model_validate(source_rules)
        except ValidationError as error:
            for fault in error.errors():
                where = ".".join([name, *map(str, fault["loc"])])
                faults.append(f"{where}: {fault['msg'].removeprefix('Value error, ')}")
            continue
        if checked.images is not None and defaults[name].images is None:
            faults.append(f"{name}.images: can never match: {name} names no images")
        given = {field: getattr(checked, field) for field in checked.model_fields_set}
        rules[name] = defaults[name].model_copy(update=given)
    if faults:
        raise RulesError("; ".join(f"{path}: {fault}" for fault in sorted(faults)))
    return rules


def _read(path: Path) -> dict[str, Any]:
    """Read a file; only this needs YAML, so only this imports it."""
    import yaml  # noqa: PLC0415

    try:
        content = yaml.safe_load(path.read_text())
    except (OSError, UnicodeDecodeError) as error:
        reason = getattr(error, "strerror", None) or "it is not text"
        raise RulesError(f"{path} cannot be read: {reason}") from error
    except yaml.YAMLError as error:
        raise RulesError(f"{path} is not YAML: {' '.join(str(error).split())}") from error
    if content is None:
        return {}
    if not isinstance(content, dict) or not all(isinstance(name, str) for name in content):
        raise RulesError(f"{path} must be a mapping from sources to rules")
    return content
