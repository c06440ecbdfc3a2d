"""Errors in folders that nobody applies as they are: templates, and what is no longer used."""

from __future__ import annotations

import re
from dataclasses import replace
from pathlib import Path, PurePath

from gitops.checks.context import Context
from gitops.findings import Finding, Severity

# Words in the names of folders from which others are made.
TEMPLATES, WORDS = {"template", "templates", "tmpl", "skeleton"}, re.compile(r"[a-z]+")
# The names of folders for what is kept, and used no longer.
RETIRED = {"archive", "archived", "attic", "deprecated", "disabled", "obsolete", "retired"}


def softened(context: Context, findings: list[Finding]) -> list[Finding]:
    """Return the findings, with errors as warnings if they are in such folders alone."""
    folders = {each.name: each.folder for each in context.asked}
    found = []
    for each in findings:
        its = [folders.get(name, each.file.parent) for name in each.overlays] or [each.file.parent]
        is_error = each.severity is Severity.ERROR
        reasons = [reason(context, folder) for folder in its] if is_error else [""]
        if all(reasons):
            message = f"{reasons[0]}: {each.message}"
            found.append(replace(each, message=message, severity=Severity.WARNING))
        else:
            found.append(each)
    return found


def reason(context: Context, folder: Path) -> str:
    """Return why a folder need not be applied as it is, or an empty text.

    It is, if a script applies it, or an object in a folder that is applied itself.
    """
    repository = context.repository
    why = idle(repository.relative(folder))
    if not why or folder not in repository.applied:
        return why
    by = [repository.relative(file) for file in repository.deliveries.files(folder)]
    return why if by and all(map(idle, by)) else ""


def idle(path: str) -> str:
    """Return why what is at a path need not be applied as it is, or an empty text."""
    if not TEMPLATES.isdisjoint(WORDS.findall(path)):
        return "in a folder of templates, which may be copied from there"
    is_retired = not RETIRED.isdisjoint(part.strip("._-") for part in PurePath(path).parts)
    return "in a folder of what is no longer used" if is_retired else ""
