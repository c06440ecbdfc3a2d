"""An overlay that kustomize refuses to render, told once at what is broken."""

from __future__ import annotations

import re
from collections.abc import Iterator
from pathlib import Path

from yaml.nodes import MappingNode, Node

from gitops import applications, nodes
from gitops.checks.context import MISSES, Context, is_unknown
from gitops.cycles import cycles
from gitops.deliveries.model import Delivery
from gitops.findings import Finding, Severity, place
from gitops.kustomization import NAMES, Kustomization
from gitops.overlays import Fault, Overlay
from gitops.places import parts
from gitops.refusals import line_of, reason
from gitops.repository import Repository

# What fills a template in runs before kustomize, and is not part of the repository.
TEMPLATE = re.compile(
    r"\{\{.*?\}\}|\{%.*?%\}|<%.*?%>|^\s*<[A-Z][A-Z0-9_]+>\s*$", re.DOTALL | re.MULTILINE
)
# An entry of a list in a comment.
OFF = re.compile(r"^\s*#\s*-\s", re.MULTILINE)
# What kustomize says of a ConfigMap that has not the key which a variable or a replacement copies.
LACKS_KEY = re.compile(
    r"data\.(?P<key>[\w-]+)\W+(?:not found in corresponding resource|is missing for replacement)"
)
UNKNOWN = "not rendered, because it changes something that is set aside"
EMPTY = "renders to nothing: a controller that prunes would delete everything"


def check(context: Context) -> Iterator[Finding]:
    """Yield a finding for each file that is broken, and each kustomization that does not render."""
    broken = {
        overlay: culprits(context, overlay)
        for overlay in context.asked
        if context.is_reached(overlay) and context.answers[overlay].error
    }
    every = {it for found in broken.values() for it in found}
    for part in {part for it in every for part in built_with(context, it)}:
        for path in part.files():
            context.repository.documents(path)  # it notes what is no YAML
    faults = [*context.repository.faults.values(), *cycles(context.repository)]
    users: dict[Fault, set[str]] = {fault: set() for fault in faults}
    for overlay, found in broken.items():
        for culprit in found:
            known = [fault for fault in faults if explains(context, fault, culprit)]
            for fault in known:
                users[fault].add(overlay.name)
            if not known and is_unknown(overlay, context.answers[overlay]):
                where = refusal(context, culprit, overlay)
                file = place(where.file, context.root)
                context.skipped[f"{file}:{where.line}"] = f"{overlay.name}: {UNKNOWN}"
            elif not known:
                yield refusal(context, culprit, overlay)
    for fault, names in users.items():
        yield told(fault, tuple(sorted(names)))
    yield from refused(context)
    yield from unread(context)
    yield from twice(context)
    yield from empty(context)
    yield from nothing(context)
    yield from set_aside(context)


def refusal(context: Context, culprit: Kustomization, overlay: Overlay) -> Finding:
    """Return the finding about what kustomize says of a kustomization."""
    error, repository = answer_of(context, culprit, overlay), context.repository
    message = reason(error, context.root, repository.top)
    file, line = line_of(context.repository, built_with(context, culprit), message)
    if why := unfilled(culprit, message) or unused_together(repository, overlay, message):
        text = f"{why}: {message}"
        return Finding(culprit.file, 1, "render", text, (overlay.name,), "", Severity.WARNING)
    if key := written(context, message):
        message = f"a script writes {key} before the build: {message}"
        return Finding(file, line, "render", message, (overlay.name,), "", Severity.WARNING)
    return Finding(file, line, "render", message, (overlay.name,))


def unfilled(culprit: Kustomization, message: str) -> str:
    """Return why a kustomization need not be built as it is, or an empty text.

    What it is to change may be added to it before that, or its entries be commented out.
    """
    own = culprit.own
    if not own.is_bare or own.delivers:
        return ""
    if MISSES.search(message):
        return "it includes nothing: what it changes must be added before it is built"
    is_off = message.endswith("is empty") and OFF.search(culprit.file.read_text("utf-8", "replace"))
    return "its entries are commented out" if is_off else ""


def unused_together(repository: Repository, overlay: Overlay, message: str) -> str:
    """Return why what an overlay includes need not go together, or an empty text.

    A base may list everything that there is, of which others include what they need.
    """
    if "already registered id" not in message or not overlay.is_base:
        return ""
    its = {*overlay.top.included()}
    others = (each for each in repository.kustomizations.values() if each is not overlay.top)
    is_chosen = any(not its.isdisjoint(each.included()) for each in others)
    is_applied = overlay.folder in repository.applied
    return "no other includes all of it" if is_chosen and not is_applied else ""


def written(context: Context, message: str) -> str:
    """Return the key that kustomize does not find to copy, if a script writes it into a file."""
    found = LACKS_KEY.search(message)
    key = found["key"] if found else ""
    scripts = applications.scripts(context.repository.top) if key else ()
    return key if any(f"{key}=" in text for _, text in scripts) else ""


def culprits(context: Context, overlay: Overlay) -> list[Kustomization]:
    """Return what does not render although everything that it includes does."""
    failing = {
        asked.top: None
        for asked, answer in context.answers.items()
        if answer.error and asked.component is None
    }
    found: dict[Kustomization, None] = {}
    pending, visited = [overlay.top], set[Kustomization]()
    while pending:
        kustomization = pending.pop()
        if kustomization in visited:
            continue
        visited.add(kustomization)
        below = [base for base in context.repository.includes(kustomization) if base in failing]
        pending += below
        if not below:
            found[kustomization] = None
    return list(found or {overlay.top: None})


def built_with(context: Context, culprit: Kustomization) -> list[Kustomization]:
    """Return a kustomization with its components: they are built as a part of it."""
    tree = [*context.repository.tree(culprit)]
    return [
        kustomization
        for kustomization in tree
        if kustomization is culprit or kustomization.is_component
    ]


def explains(context: Context, fault: Fault, culprit: Kustomization) -> bool:
    """Tell whether a fault is in the files of a kustomization, or in what it includes."""
    if fault.is_cycle:
        return fault.file in {
            kustomization.file for kustomization in context.repository.tree(culprit)
        }
    for part in built_with(context, culprit):
        folders = {path for path in part.included() if path.is_dir()}
        names = {path / name for path in folders for name in NAMES}
        if fault.file in {part.file, *part.files(), *names}:
            return True
    return False


def answer_of(context: Context, culprit: Kustomization, overlay: Overlay) -> str:
    """Return kustomize's error for a kustomization, or for the overlay if that is a variant."""
    for asked, answer in context.answers.items():
        if asked.top is culprit and asked.component is overlay.component:
            return answer.error
    return context.answers[overlay].error


def told(fault: Fault, overlays: tuple[str, ...]) -> Finding:
    """Return the finding for a fault; what is a template is built only after it is filled in."""
    rule = "render" if fault.is_cycle else "file"
    if is_template(fault.file):
        message = f"a template, which nothing fills in here: {fault.message}"
        return Finding(fault.file, fault.line, rule, message, overlays, "", Severity.WARNING)
    return Finding(fault.file, fault.line, rule, fault.message, overlays)


def is_template(file: Path) -> bool:
    """Tell whether a file has the marks of a template."""
    try:
        return bool(TEMPLATE.search(file.read_text(encoding="utf-8", errors="replace")))
    except OSError:
        return False


def refused(context: Context) -> Iterator[Finding]:
    """Yield what Argo CD refuses to add to a kustomization."""
    for overlay in context.repository.overlays:
        if isinstance(overlay.top, Delivery):
            for line, why in overlay.top.refused():
                message = f"Argo CD refuses {why}"
                yield Finding(overlay.top.file, line, "render", message, (overlay.name,))


def unread(context: Context) -> Iterator[Finding]:
    """Yield each document of a kustomization that kustomize does not read: all but the first."""
    for kustomization in context.repository.kustomizations.values():
        for document in context.repository.documents(kustomization.file)[1:]:
            message = "another document in a kustomization: kustomize reads the first one alone"
            hint = "write it into the first one"
            line = nodes.line(document)
            yield Finding(kustomization.file, line, "file", message, (), hint)


def twice(context: Context) -> Iterator[Finding]:
    """Yield each key that a kustomization or a patch has twice: the last one wins, unseen."""
    repository = context.repository
    files = dict.fromkeys(
        kustomization.file for kustomization in repository.kustomizations.values()
    )
    for kustomization in repository.kustomizations.values():
        files |= dict.fromkeys(
            path for path in kustomization.files() if path not in {*kustomization.included()}
        )
    for file in files:
        for document in repository.documents(file):
            for key, line in duplicates(document):
                message = f"`{key}` is there twice: the last one wins"
                yield Finding(file, line, "file", message, (), "keep one of them")


def duplicates(node: Node) -> Iterator[tuple[str, int]]:
    """Yield each key that a mapping has already, with its line."""
    if isinstance(node, MappingNode):
        seen: set[str] = set()
        for key, _ in node.value:
            if str(key.value) in seen and key.value != "<<":
                yield str(key.value), nodes.line(key)
            seen.add(str(key.value))
    for _, below in nodes.items(node):
        yield from duplicates(below)


def empty(context: Context) -> Iterator[Finding]:
    """Yield each resource in which there is nothing at all, not even a comment."""
    every = context.repository.kustomizations.values()
    for file in dict.fromkeys(path for part in every for path in part.included()):
        if file.is_file() and not file.read_bytes().strip(b"- \t\r\n"):
            hint = "take it out of the kustomization, or restore its content"
            yield Finding(file, 1, "file", "it is empty", (), hint, Severity.WARNING)


def nothing(context: Context) -> Iterator[Finding]:
    """Yield each overlay that renders to no object, although its files have some."""
    for rendered in context.applied:
        if not rendered.objects and not any(why.makes for why in rendered.overlay.aside):
            overlay = rendered.overlay
            file, line, names = overlay.top.own.file, 1, (overlay.name,)
            if any(parts(context.repository, overlay)):
                yield Finding(file, line, "render", EMPTY, names)
            else:
                message = "renders to nothing: what it includes is still empty"
                yield Finding(file, line, "render", message, names, "", Severity.NOTE)


def set_aside(context: Context) -> Iterator[Finding]:
    """Yield each file that is made before the build, and note what else is set aside."""
    for overlay in context.answers:
        for why in overlay.aside:
            if why.is_made:
                message = f"{why.what} is made before the build: it is not known here"
                names = (overlay.name,)
                yield Finding(why.file, why.line, "file", message, names, "", Severity.NOTE)
            else:
                context.skipped[f"{place(why.file, context.root)}:{why.line}"] = why.what
