"""Overlays as they might render, judged by the rules about references without rendering."""

from __future__ import annotations

from pathlib import Path
from typing import cast

import yaml
from yaml.nodes import MappingNode

from gitops.checks import references, selectors
from gitops.checks.context import Context, Rendered
from gitops.config import Config, Entry
from gitops.kustomization import Kustomization
from gitops.objects import Object
from gitops.overlays import Overlay
from gitops.places import Sources
from gitops.render import Renderer
from gitops.repository import Repository


def context(root: Path, overlays: dict[str, str], external: tuple[str, ...] = ()) -> Context:
    """Return the context of overlays that render to these documents."""
    repository = Repository(root)
    config = Config(root / "gitops.yaml")
    config.external = [Entry(what, "a test", 1) for what in external]
    found = Context(repository, config, cast(Renderer, None))  # nothing is rendered
    rendered = []
    for name, text in overlays.items():
        file = root / name / "kustomization.yaml"
        top = Kustomization(file, MappingNode("tag:yaml.org,2002:map", []))
        overlay = Overlay(name, top, (top,))
        objects = tuple(Object(each) for each in yaml.safe_load_all(text) if each)
        rendered.append(Rendered(overlay, name, objects, Sources(repository, overlay)))
    for every in ("rendered", "applied", "all_rendered", "all_applied"):
        found.__dict__[every] = rendered
    return found


def judged(root: Path, *external: str, **overlays: str) -> list[str]:
    """Return what is said about overlays; two underscores in a name stand for a slash."""
    named = {name.replace("__", "/"): text for name, text in overlays.items()}
    asked = context(root, named, external)
    found = [*references.check(asked), *selectors.check(asked)]
    return [each.message for each in found]
