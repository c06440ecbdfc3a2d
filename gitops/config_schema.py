"""The JSON Schema of gitops.yaml, for editors: made of what gitops.config reads.

`python -m gitops.config_schema` prints it; gitops/gitops.schema.json has it.
"""

from __future__ import annotations

import json
from typing import Any

import click

from gitops.config import ENTRIES, LISTS, SECTIONS, SETTINGS, TEXTS
from gitops.findings import RULES

# What an editor shows beside each key.
DESCRIPTIONS = {
    "environments": "Parts of the overlays' paths that are environments: they must have the same "
    "objects and keys.",
    "parity": "Objects and keys that only some environments have.",
    "external": "What exists in the cluster without these manifests.",
    "accepted": "Findings that are intended.",
    "optional": "Components that no overlay includes, and with which overlays they are checked.",
    "build": "What `kustomize build` is given for an overlay.",
    "options": "Options as `kustomize build` takes them.",
    "pins": "With this section, images need a digest.",
    "schemas": "How the objects are validated by kubeconform.",
    "promotion": "What a release must have before it is promoted.",
    "what": "What it is about: `*` stands for anything; in `accepted`, a part of the message.",
    "only": "The overlays that it is about, by the name of their folder or their path.",
    "reason": "Why: whoever reads it decides whether it is still so.",
    "rule": "The rule of the finding.",
    "file": "The file of the finding, relative to this one.",
    "tag-is-enough": "The overlays whose images need no digest.",
    "locations": "As kubeconform's -schema-location; a path is relative to this file.",
    "kubernetes": "The Kubernetes versions; by default all those of the locations on disk.",
    "soak": "How long the release has run where it comes from, such as `30m`.",
    "cosign-key": "The public key whose signature it has.",
    "cosign-identity": "The identity whose signature it has; `*` stands for anything.",
    "cosign-issuer": "Who vouches for that identity.",
}
# A number is a text here, and nothing is not.
TEXT = {"type": ["string", "number", "boolean"], "pattern": r"\S"}
TEXT_LIST = {"type": "array", "items": {"$ref": "#/$defs/text"}}
RULE = {"enum": list(RULES)}


def schema() -> dict[str, Any]:
    """Return the schema (https://json-schema.org/draft/2020-12)."""
    return {
        "$schema": "https://json-schema.org/draft/2020-12/schema",
        "title": "gitops.yaml: what a Kustomize repository declares about itself",
        "$defs": {"text": TEXT},
        **mapping({name: section(name) for name in sorted(SECTIONS)}),
    }


def section(name: str) -> dict[str, Any]:
    """Return the schema of a section."""
    if name in ENTRIES:
        needed, allowed = ENTRIES[name]
        entry = mapping({key: value(key) for key in sorted(needed | allowed)}, sorted(needed))
        return {"type": "array", "items": entry}
    if name in LISTS:
        return dict(TEXT_LIST)
    if name in TEXTS:
        return mapping({key: value(key) for key in sorted(TEXTS[name])})
    return mapping({key: described(key, TEXT_LIST) for key in sorted(SETTINGS[name])})


def value(key: str) -> dict[str, Any]:
    """Return the schema of a value in an entry."""
    shapes: dict[str, dict[str, Any]] = {"only": TEXT_LIST, "rule": RULE}
    return described(key, shapes.get(key, {"$ref": "#/$defs/text"}))


def mapping(properties: dict[str, Any], needed: list[str] | None = None) -> dict[str, Any]:
    """Return the schema of a mapping that has no other keys."""
    shown = {key: described(key, shape) for key, shape in properties.items()}
    required = {"required": needed} if needed else {}
    return {"type": "object", "properties": shown, **required, "additionalProperties": False}


def described(key: str, shape: dict[str, Any]) -> dict[str, Any]:
    """Return a schema with what an editor shows."""
    return {"description": DESCRIPTIONS[key], **shape}


if __name__ == "__main__":
    click.echo(json.dumps(schema(), indent=2, ensure_ascii=False))
