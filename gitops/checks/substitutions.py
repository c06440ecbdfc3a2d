"""Variables that Flux replaces with nothing, because no value of them is given."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

from gitops.checks.context import Context, Rendered
from gitops.checks.unknown import is_misspelt
from gitops.deliveries.model import Delivery
from gitops.deliveries.results import VARIABLE, is_left
from gitops.findings import Finding, Severity

HINT = "give it a value under `postBuild.substitute`, a default (`${NAME:=value}`), or write `$${`"


def check(context: Context) -> Iterator[Finding]:
    """Yield each variable without a value and without a default in what Flux substitutes."""
    for rendered in context.applied:
        top = rendered.overlay.top
        if isinstance(top, Delivery) and top.result.variables:
            yield from undefined(rendered, top)


def undefined(rendered: Rendered, top: Delivery) -> Iterator[Finding]:
    """Yield the variables of an overlay; what else gives values may give one of another name."""
    known = {*top.result.variables, *top.result.opened}
    for thing in rendered.objects:
        names = () if is_left(thing.data) else dict.fromkeys(variables(thing.data))
        for name in names:
            misspelt = is_misspelt(name, known)
            if name not in known and (misspelt or not top.result.has_others):
                severity = Severity.ERROR if misspelt else Severity.WARNING
                message = f"{thing.title}: Flux has no value for the variable {name}"
                text = f"${{{name}}}"
                yield rendered.finding("dangling", message, thing, text, HINT, severity)


def variables(value: Any) -> Iterator[str]:
    """Yield the names of the variables without a default that are in a value."""
    if isinstance(value, dict):
        for key, below in value.items():
            yield from variables(key)
            yield from variables(below)
    elif isinstance(value, list):
        for each in value:
            yield from variables(each)
    elif isinstance(value, str):
        yield from (it["name"] for it in VARIABLE.finditer(value) if it[0] == f"${{{it['name']}}}")
