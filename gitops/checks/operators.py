"""What operators and controllers make from the objects that they watch, by the names they give it.

operators.yaml lists the names. In braces is a path into the object, in which `*` stands for every
item of a list or mapping, and `~` for every key of a mapping; `{name}` is the object's own name.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from functools import cache
from itertools import product
from pathlib import Path
from typing import Any

import yaml

from gitops.objects import Object, dig

PLACE = re.compile(r"\{([^}]+)\}")
CERT_MANAGER = (
    "cert-manager.io/cluster-issuer",
    "cert-manager.io/issuer",
    "kubernetes.io/tls-acme",
)
SERVING_CERT = (
    "service.beta.openshift.io/serving-cert-secret-name",
    "service.alpha.openshift.io/serving-cert-secret-name",
)
# What any custom resource may say about a Secret that its controller writes.
ANY = (
    *("{spec.writeConnectionSecretToRef.name}", "{spec.publishConnectionDetailsTo.name}"),
    "{spec.connInfoSecretTarget.name}",
)
# By group, kind of the object, and kind of what is made: the patterns of the names.
Names = dict[str, dict[str, dict[str, list[str]]]]


@cache
def table() -> Names:
    """Return what is known of operators."""
    text = Path(__file__).with_suffix(".yaml").read_text(encoding="utf-8")
    found: Names = yaml.safe_load(text)
    return found


def made(thing: Object) -> set[tuple[str, str]]:
    """Return kind and name of what is made from an object."""
    kinds = {**table().get(thing.group, {}).get(thing.kind, {})}
    kinds["Secret"] = [*kinds.get("Secret", []), *ANY, *annotated(thing)]
    return {
        (kind, name)
        for kind, patterns in kinds.items()
        for pattern in patterns
        for name in expanded(pattern, thing)
    }


def annotated(thing: Object) -> Iterator[str]:
    """Yield the Secrets that an annotation of an object asks a controller to make."""
    annotations = thing.get("metadata", "annotations", default={})
    if any(key in annotations for key in CERT_MANAGER):
        yield from ("{spec.tls.*.secretName}", "{spec.listeners.*.tls.certificateRefs.*.name}")
    yield from (str(annotations[key]) for key in SERVING_CERT if key in annotations)


def is_known(thing: Object) -> bool:
    """Tell whether it is known what is made from a custom resource."""
    return thing.kind in table().get(thing.group, {})


def expanded(pattern: str, thing: Object) -> Iterator[str]:
    """Yield the names that a pattern stands for."""
    fixed = PLACE.split(pattern)  # what is in braces is every second part
    paths = fixed[1::2]
    every = [[thing.name] if path == "name" else list(values(thing.data, path)) for path in paths]
    for chosen in product(*every):
        # Kubernetes allows no underscore in a name: Zalando's operator writes a hyphen.
        fixed[1::2] = [str(each).replace("_", "-") for each in chosen]
        yield "".join(fixed)


def values(value: Any, path: str) -> Iterator[Any]:
    """Yield what is at a path."""
    step, _, rest = path.partition(".")
    if step == "~":
        yield from value if isinstance(value, dict) else ()
        return
    if step == "*":
        below = list(value.values()) if isinstance(value, dict) else value
        items = below if isinstance(below, list) else []
    else:
        items = [dig(value, step)]
    for each in items:
        if each is not None:
            yield from values(each, rest) if rest else [each]
