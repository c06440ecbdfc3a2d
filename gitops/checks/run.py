"""Run the checks, without the findings that gitops.yaml accepts."""

from __future__ import annotations

import traceback
from collections.abc import Callable, Iterable, Iterator
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from pathlib import Path

from gitops.checks import (
    amounts,
    components,
    conflicts,
    deprecated,
    immutable,
    inert,
    namespaces,
    operations,
    parity,
    pins,
    references,
    renamed,
    render,
    restarts,
    schema,
    selectors,
    served,
    substitutions,
    unused,
)
from gitops.checks.completed import completed
from gitops.checks.context import Context
from gitops.checks.idle import softened
from gitops.errors import GitopsError
from gitops.findings import Finding, Severity, merged, place
from gitops.ignores import Ignores

Check = Callable[[Context], Iterator[Finding]]
# By rule, in the order in which they run: the cheap ones first.
CHECKS: dict[str, tuple[Check, ...]] = {
    "render": (render.check,),
    "patch": (operations.check,),
    "deprecated": (deprecated.check,),
    "api": (served.check,),
    "dangling": (references.check, selectors.check, substitutions.check, renamed.check),
    "conflict": (conflicts.check, amounts.check, restarts.check),
    "pin": (pins.check,),
    "parity": (parity.check,),
    "immutable": (immutable.check,),
    "inert": (inert.check, components.check),
    "schema": (schema.check,),
    "unused": (unused.check,),
    "namespace": (namespaces.check,),
}


def run(
    context: Context,
    rules: Iterable[str] = tuple(CHECKS),
    report: Callable[[str], None] = lambda _: None,
) -> list[Finding]:
    """Return the findings of some rules by file and line; `report` is called with the progress."""
    rules = set(rules)
    report(f"rendering {len(context.repository.overlays)} overlays")
    found = found_by(render.check, context)
    with ThreadPoolExecutor(max_workers=1) as pool:
        # kubeconform is another process: it works while the others render.
        asked = "schema" in rules
        validated = pool.submit(found_by, schema.check, context) if asked else None
        for rule, checks in CHECKS.items():
            if rule in rules - {"render", "schema"}:
                report(f"checking: {rule}")
                found += [each for check in checks for each in found_by(check, context)]
        if validated:
            report("checking: schema")
            found += validated.result()
    found = softened(context, completed(context, found))
    own = [without_variants(context, each) for each in merged(found)]
    ignores = Ignores(context.files)
    kept = [each for each in own if not is_accepted(context, each) and not ignores.accept(each)]
    if context.reach is None:
        kept += stale(context, rules, ignores)
    elif any(ignores.unused(rules)):
        # Another overlay may need such a comment.
        return run(replace(context, reach=None), rules, report)
    return sorted([*kept, *ignores.faulty()])


def found_by(check: Check, context: Context) -> list[Finding]:
    """Return what a check finds before it ends or fails: the others have nothing to do with it."""
    found: list[Finding] = []
    try:
        found.extend(check(context))
    except GitopsError as error:
        context.failures.append(error.message)
    except Exception as error:  # noqa: BLE001 - a fault of ours, told with what else is found
        last = traceback.extract_tb(error.__traceback__)[-1]
        where = f"{Path(last.filename).name}:{last.lineno} in {last.name}"
        what = f"{type(error).__name__}: {error} ({where})"
        context.failures.append(f"a fault of this program, please report it: {what}")
    return found


def without_variants(context: Context, finding: Finding) -> Finding:
    """Return a finding without variants, if an overlay has it too."""
    names = {each.name for each in context.repository.overlays}
    own = tuple(name for name in finding.overlays if name in names)
    return replace(finding, overlays=own) if own else finding


def is_accepted(context: Context, finding: Finding) -> bool:
    """Tell whether gitops.yaml accepts a finding."""
    file = place(finding.file, context.root)
    for each in context.config.accepted:
        if each.rule == finding.rule and each.file in ("", file) and each.what in finding.message:
            each.used = True
            return True
    return False


def stale(context: Context, rules: set[str], ignores: Ignores) -> Iterator[Finding]:
    """Yield the declarations of gitops.yaml, and the comments, that no check has needed."""
    if any(answer.error for answer in context.answers.values()):
        return  # an overlay that does not render may need any of them
    config = context.config
    entries = config.parity if "parity" in rules else []
    entries = entries + (config.external if "dangling" in rules else [])
    entries += config.optional + config.build
    entries += [e for e in config.accepted if e.rule in rules and e.rule not in context.skipped]
    yield from ignores.unused(rules - context.skipped.keys())
    for each in entries:
        if not each.used:
            message = f"{each.what}: declared, but no longer needed"
            severity, hint = Severity.WARNING, "remove it"
            yield Finding(config.file, each.line, "configuration", message, (), hint, severity)
