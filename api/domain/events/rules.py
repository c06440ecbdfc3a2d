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

import hashlib
import re
from collections.abc import Mapping
from pathlib import Path
from typing import Annotated, Any, NamedTuple

import yaml
from pydantic import AfterValidator, BaseModel, ConfigDict, ValidationError

from api.domain.kit.types import NAME_LENGTH, Name

FIELD = re.compile(r"\{([^{}]*)\}")
PATH = re.compile(r"[^\s.|{}]+(\.[^\s.|{}]+)*")
VERSION_LENGTH = 128
# Of a field; far more than a name or a version can be. Some fields are read for each image.
FIELD_LENGTH = 1024


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
        found = _pattern(key) if "*" in key else _slug(key)
        if not found:
            raise ValueError(f"{key!r} can never match: it is no name, nor a pattern of one")
        if made.get(found, name) != name:
            raise ValueError(f"{key!r} is {found} here, as another key is that says otherwise")
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


class SourceRules(BaseModel):
    """The rules for one source; the adapter has defaults for what is not given."""

    model_config = ConfigDict(extra="forbid", frozen=True, hide_input_in_errors=True)

    service: Template | None = None
    environment: Template | None = None
    version: Template | None = None
    # Which images are services, for a sender that names images.
    images: Annotated[list[str] | None, AfterValidator(_check_images)] = None
    services: Table = {}
    environments: Table = {}


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
        version = _version(self._filled("version", fields))
        if not version:
            raise UnmappedNameError("The template for version has an empty result.")
        return Names(service, environment, version)

    def check_image(self, repository: str) -> None:
        """Raise LeftOutError if the rules say that an image is no service."""
        patterns = self.rules.images
        if patterns is not None and not any(_fits(each, repository) for each in patterns):
            raise LeftOutError(f"The rules leave out the image {repository[:FIELD_LENGTH]}.")

    def name(self, kind: str, fields: Mapping[str, Any]) -> str:
        """Return the name of the service or the environment, as `names` does."""
        made = _slug(self._filled(kind, fields))
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
        stated = {field: getattr(checked, field) for field in checked.model_fields_set}
        rules[name] = defaults[name].model_copy(update=stated)
    if faults:
        raise RulesError("; ".join(f"{path}: {fault}" for fault in sorted(faults)))
    return rules


def _read(path: Path) -> dict[str, Any]:
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


def _found(table: Mapping[str, str | None], name: str) -> str | None:
    """Return what a table has for a name; without an entry, the name itself."""
    if name in table:
        return table[name]
    fitting = [key for key in table if "*" in key and _fits(key, name)]
    return table[max(fitting, key=len)] if fitting else name


def _pattern(key: str) -> str:
    """Return a key with `*` as it is compared with names; empty if no name can be like it."""
    made = re.sub(r"[^a-z0-9._*-]+", "-", key.lower())
    return made if made.strip("._-") == made and len(made) <= NAME_LENGTH else ""


def _fits(pattern: str, name: str) -> bool:
    """Return whether a name is like a pattern, in time linear in the name."""
    first, *rest = pattern.split("*")
    if not rest:
        return name == pattern
    *middle, last = rest
    at, end = len(first), len(name) - len(last)
    for part in middle:
        found = name.find(part, at, max(at, end))
        if found < 0:
            return False
        at = found + len(part)
    return at <= end and name.startswith(first) and name.endswith(last)


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


def _slug(text: str) -> str:
    made = re.sub(r"[^a-z0-9._-]+", "-", text.lower())
    return _cut(made.strip("._-"), NAME_LENGTH).rstrip("._-")


def _version(text: str) -> str:
    made = re.sub(r"[^A-Za-z0-9._+-]+", "-", text)
    return _cut(re.sub(r"^[^A-Za-z0-9]+", "", made), VERSION_LENGTH)


def _cut(text: str, length: int) -> str:
    """Return a text of at most this length; what is longer ends in a hash, so that it stays apart.

    Two images whose names begin alike are two services.
    """
    if len(text) <= length:
        return text
    mark = hashlib.sha256(text.encode()).hexdigest()[:8]
    return f"{text[: length - len(mark) - 1]}-{mark}"
