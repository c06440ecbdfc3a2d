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
    """Return the findings, with errors as warnings where all that has them is in such folders."""
    folders = {each.name: each.folder for each in context.asked}
    found = []
    for each in findings:
        its = [folders.get(name, each.file.parent) for name in each.overlays] or [each.file.parent]
        reasons = [reason(context, folder) for folder in its]
        if each.severity is Severity.ERROR and all(reasons):
            message = f"{reasons[0]}: {each.message}"
            found.append(replace(each, message=message, severity=Severity.WARNING))
        else:
            found.append(each)
    return found


def reason(context: Context, folder: Path) -> str:
    """Return why a folder need not be applied as it is, or an empty text."""
    path = context.repository.relative(folder)
    if folder in context.repository.applied:
        return ""
    if not TEMPLATES.isdisjoint(WORDS.findall(path)):
        return "in a folder of templates, which may be copied from there"
    is_retired = not RETIRED.isdisjoint(part.strip("._-") for part in PurePath(path).parts)
    return "in a folder of what is no longer used" if is_retired else ""
