"""An overlay in the namespace of another environment, or in none where its like have one."""

from __future__ import annotations

import re
from collections.abc import Iterator

from gitops import nodes
from gitops.checks.context import Context, Rendered
from gitops.checks.scope import Scope
from gitops.checks.unknown import is_open
from gitops.findings import Finding, Severity
from gitops.objects import NAMESPACED, Object

# The words for one environment; only those that are hardly used for anything else.
WORDS = (
    {"dev", "development"},
    {"qa"},
    {"uat"},
    {"stage", "staging", "stg"},
    {"preprod"},
    {"prod", "production", "prd"},
)
WORD = re.compile(r"[a-z]+")
HINT = "set `namespace`"


def check(context: Context) -> Iterator[Finding]:
    """Yield each overlay with objects in another environment's namespace, or in none."""
    scope = Scope(context)
    applied = context.repository.applied
    for rendered in context.applied:
        yield from elsewhere(rendered)
        if rendered.overlay.folder not in applied:  # who applies it may choose the namespace
            yield from nowhere(rendered, scope)


def elsewhere(rendered: Rendered) -> Iterator[Finding]:
    """Yield each namespace that names another environment than the path of the overlay.

    An overlay may have objects in a namespace such as `dev-tools` beside its own; it is a mistake
    if that is the only one, or the same as another but for the environment.
    """
    own = environments(rendered.overlay.name)
    names = dict.fromkeys(each.namespace for each in rendered.objects if each.namespace)
    for name in names:
        theirs, others = environments(name), [other for other in names if other != name]
        is_foreign = bool(own and theirs) and theirs.isdisjoint(own) and not is_open(name)
        if is_foreign and (not others or neutral(name) in map(neutral, others)):
            thing = next(each for each in rendered.objects if each.namespace == name)
            message = f"{thing.title} is in the namespace {name}, of another environment"
            yield located(rendered, thing, message)


def nowhere(rendered: Rendered, scope: Scope) -> Iterator[Finding]:
    """Yield a finding for an overlay without a namespace, if all its alternatives have one."""
    own = namespaced(rendered)
    lacks = bool(own) and not any(each.namespace for each in own)
    if not lacks or not environments(rendered.overlay.name):
        return
    others = [it for it in scope.alternatives(rendered) if environments(it.overlay.name)]
    if others and all(each.namespace for it in others for each in namespaced(it)):
        names = ", ".join(other.overlay.name for other in others[:3])
        message = f"its objects have no namespace, and those of {names} have one"
        yield located(rendered, own[0], message)


def namespaced(rendered: Rendered) -> list[Object]:
    """Return the objects of an overlay that are known to need a namespace."""
    return [each for each in rendered.objects if each.kind in NAMESPACED]


def located(rendered: Rendered, thing: Object, message: str) -> Finding:
    """Return a finding at the namespace of the outermost kustomization, or at the object."""
    top = rendered.overlay.top
    node = nodes.get(top.node, "namespace")
    if node is not None and nodes.text(node) == thing.namespace:
        file, line = top.file, nodes.line(node)
    elif thing.namespace:
        file, line = rendered.sources.find(thing, thing.namespace)
    else:
        file, line = top.own.file, 1
    names = (rendered.overlay.name,)
    return Finding(file, line, "namespace", message, names, HINT, Severity.WARNING)


def neutral(name: str) -> str:
    """Return a name without the words for an environment."""
    return WORD.sub(lambda found: "" if environments(found[0]) else found[0], name.lower())


def environments(text: str) -> set[int]:
    """Return which environments a path or a name speaks of."""
    words = {*WORD.findall(text.lower())}
    return {number for number, each in enumerate(WORDS) if not each.isdisjoint(words)}
