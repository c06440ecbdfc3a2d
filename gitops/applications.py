"""The files that may say what a repository applies, and the folders that its scripts apply."""

from __future__ import annotations

import os
import re
from collections.abc import Iterable, Iterator
from pathlib import Path

# Folders of what is not the repository's own to apply.
FOREIGN = {"node_modules", "testdata", "vendor"}
SCRIPT = re.compile(
    r"(?i)(?:GNU)?Makefile|Jenkinsfile|Taskfile\.ya?ml|\.gitlab-ci\.yml|.*\.(?:mk|sh|bash|tf)"
)
SOURCES = (".go", ".js", ".py", ".rb", ".ts")
# `kustomize build FOLDER`, by whatever path or variable, and `kubectl apply -k FOLDER`.
BUILD = re.compile(
    r"(?:kustomize[\"')}]*\s+build|\b(?:apply|create|diff|delete|replace)\b[^\n|;&]*?\s(?:-k|--kustomize))"
    r"[\s=](?P<words>[^\n|;&>]*)",
    re.IGNORECASE,
)

# `kubectl create secret generic NAME`; the name of a variable is that of any object.
CREATE = re.compile(
    r"\b(?:kubectl|oc)\b[^\n|;&#]*?\screate\s+(?:-\S+\s+)*(?P<kind>configmap|cm|secret|serviceaccount|sa)"
    r"\s+(?:(?:generic|tls|docker-registry)\s+)?[\"']?(?P<name>[a-z0-9][\w.-]*)",
)
# An object in a text: a here-document of a script, or an example in a page.
MANIFEST = re.compile(
    r"^[ \t]*kind:[ \t]*(?P<kind>[A-Z]\w+)[ \t]*\n(?:.*\n){0,2}?[ \t]*name:[ \t]*"
    r"[\"']?(?P<name>[a-z0-9][\w.-]*)",
    re.MULTILINE,
)
# `resource "kubernetes_config_map_v1" "NAME_IN_TERRAFORM" { metadata { name = "NAME" } }`
RESOURCE = re.compile(
    r"^resource\s+\"kubernetes_(?P<kind>config_map|secret|service_account)(?:_v1)?\"\s+\S+\s*\{"
    r"[^{}]*?\bmetadata\s*\{[^{}]*?\bname\s*=\s*\"(?P<name>[a-z0-9][\w.-]*)\"",
    re.MULTILINE,
)
# `kubectl apply -f FILE`
APPLY = re.compile(
    r"\b(?:kubectl|oc)\b[^\n|;&#]*?\s(?:apply|create|replace)\s"
    r"[^\n|;&#]*?-f[ =](?P<file>[^\s`\"']+)"
)
PAGES = (".md", ".adoc", ".rst")
KINDS = {
    "configmap": "ConfigMap",
    "config_map": "ConfigMap",
    "cm": "ConfigMap",
    "secret": "Secret",
    "serviceaccount": "ServiceAccount",
    "service_account": "ServiceAccount",
    "sa": "ServiceAccount",
}


def created(root: Path) -> set[tuple[str, str]]:
    """Return kind and name of what Makefiles, scripts, workflows and Terraform create."""
    return {made for _, text in scripts(root) for made in makes(text)}


def described(root: Path) -> set[tuple[str, str]]:
    """Return the same of what pages of documentation say that somebody makes by hand."""
    return {
        made
        for file in named(root, PAGES)
        for made in makes(file.read_text(encoding="utf-8", errors="replace"))
    }


def applied_by_hand(root: Path) -> set[str]:
    """Return the names of the files that pages of documentation say to apply."""
    texts = (file.read_text(encoding="utf-8", errors="replace") for file in named(root, PAGES))
    return {Path(each["file"]).name for text in texts for each in APPLY.finditer(text)}


def makes(text: str) -> Iterator[tuple[str, str]]:
    """Yield kind and name of what a text creates: by a command, by Terraform or as a manifest."""
    for command in (CREATE, RESOURCE):
        for each in command.finditer(text.replace("\\\n", " ")):
            yield KINDS[each["kind"]], each["name"]
    for each in MANIFEST.finditer(text):
        yield each["kind"], each["name"]


def scripted(root: Path) -> Iterator[Path]:
    """Yield the folders that a Makefile, a script or a workflow builds or applies."""
    for file, text in scripts(root):
        for match in BUILD.finditer(text):
            for word in match["words"].split():
                for top in (root, file.parent):
                    if not word.startswith("-") and (folder := (top / word).resolve()).is_dir():
                        yield folder


def own(folders: Iterable[str]) -> list[str]:
    """Return the names of the folders to look into, in order: neither hidden ones nor others'."""
    return sorted(name for name in folders if not name.startswith(".") and name not in FOREIGN)


def scripts(root: Path) -> Iterator[tuple[Path, str]]:
    """Yield the Makefiles, scripts and workflows below a folder, with their texts."""
    for file in script_files(root):
        try:
            yield file, file.read_text(encoding="utf-8", errors="replace")
        except OSError:
            continue


def programs(root: Path) -> Iterator[str]:
    """Yield the texts of the programs in a folder: the sources of their tests and tools, too."""
    for folder, folders, names in os.walk(root):
        folders[:] = own(folders)
        for file in (Path(folder) / name for name in names if name.endswith(SOURCES)):
            if file.is_file():
                yield file.read_text(encoding="utf-8", errors="replace")


def script_files(root: Path) -> Iterator[Path]:
    """Yield the Makefiles, scripts and workflows below a folder."""
    workflows = root / ".github" / "workflows"
    yield from sorted(workflows.iterdir()) if workflows.is_dir() else ()
    for folder, folders, names in os.walk(root):
        folders[:] = own(folders)
        yield from (Path(folder) / name for name in sorted(names) if SCRIPT.fullmatch(name))


def files(root: Path) -> Iterator[Path]:
    """Yield the files of YAML below a folder, without hidden folders and those of others."""
    yield from named(root, (".yaml", ".yml"))


def named(root: Path, endings: tuple[str, ...]) -> Iterator[Path]:
    """Yield the files that end so below a folder, without hidden folders and those of others."""
    for folder, folders, names in os.walk(root):
        folders[:] = own(folders)
        yield from (Path(folder) / name for name in names if name.endswith(endings))
