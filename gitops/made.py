"""Files that are not in a repository because they are made before it is built.

`.gitignore`, a script or a program names such a file, or beside its place is what it is made from:
an example, a template or the same file encrypted.
"""

from __future__ import annotations

import re
import tempfile
from collections.abc import Collection
from pathlib import Path

from gitops import applications, programs
from gitops.kustomization import NAMES

WORDS = (
    *("example", "sample", "template", "tpl", "tmpl", "dist", "gotmpl", "j2", "in", "envsubst"),
    *("jinja", "jinja2", "erb", "mustache", "hbs", "tftpl"),
    *("enc", "encrypted", "sops", "age", "gpg", "asc"),
)
# One of these words in a name, with what parts it from the rest.
WORD = re.compile(rf"[._-](?:{'|'.join(WORDS)})(?=[._-]|$)|^(?:{'|'.join(WORDS)})[._-]")

# The beginning of a line in a file of variables.
VARIABLE = re.compile(r"[A-Za-z_.-][\w.-]*=")
BOOTSTRAPPED = "flux-system"  # the folder that `flux bootstrap` writes
# What programs of operators' repositories write, if a script runs them.
WRITTEN = (
    (re.compile(r"controller-gen|CONTROLLER_GEN"), ("webhook/manifests.yaml", "rbac/role.yaml")),
    (
        re.compile(r"generate kustomize manifests"),
        ("manifests/bases/*.clusterserviceversion.yaml",),
    ),
)


def made(top: Path, paths: Collection[Path]) -> set[Path]:
    """Return those of some paths below a folder that nothing is at until they are made.

    A folder is one of them if its kustomization is.
    """
    absent = {path: path for path in paths if not path.exists()}
    folders = (path for path in paths if path.is_dir() and not is_built(path))
    absent |= {folder / NAMES[0]: folder for folder in folders}
    left = {*absent}
    found = {path for path in left if has_source(path) or path.name == BOOTSTRAPPED}
    found |= ignored(top, left - found)
    found |= scripted(top, left - found)
    found |= programmed(top, left - found)
    return {absent[path] for path in found}


def is_built(folder: Path) -> bool:
    """Tell whether a folder has a kustomization, or a link that should lead to one."""
    return any((folder / name).is_symlink() or (folder / name).exists() for name in NAMES)


def has_source(path: Path) -> bool:
    """Tell whether a file that this one is made from is beside it."""
    return source(path) is not None


def source(path: Path) -> Path | None:
    """Return the file beside a place from which what belongs there is made."""
    beside = sorted(path.parent.iterdir()) if path.parent.is_dir() else []
    others = (each for each in beside if each.name != path.name)
    return next((each for each in others if WORD.sub("", each.name, count=1) == path.name), None)


def is_env(file: Path) -> bool:
    """Tell whether kustomize can read a file as one of variables."""
    text = file.read_text(encoding="utf-8", errors="replace")
    lines = [line.strip() for line in text.splitlines()]
    return all(VARIABLE.match(line) for line in lines if line and not line.startswith("#"))


def scripted(top: Path, paths: set[Path]) -> set[Path]:
    """Return the paths that a script of a clone names, or whose folder it does, or writes."""
    texts = [text for _, text in applications.scripts(top)] if paths else []
    patterns = [
        pattern
        for program, written in WRITTEN
        if any(program.search(text) for text in texts)
        for pattern in written
    ]
    return {
        path
        for path in paths
        if any(name in text for name in names(top, path) for text in texts)
        or any(path.match(pattern) for pattern in patterns)
    }


def names(top: Path, path: Path) -> list[str]:
    """Return how a script names a path: with its folder, or each folder that is not there."""
    above = (each for each in path.parents if each.is_relative_to(top) and not each.exists())
    absent = (str(each.relative_to(top)) for each in above)
    return ["/".join(path.parts[-2:]), *(each for each in absent if "/" in each)]


def programmed(top: Path, paths: set[Path]) -> set[Path]:
    """Return the paths whose file's name, of several words, a program has as a text."""
    names = {path: f'"{path.name}"' for path in paths if "-" in path.stem}
    texts = [*applications.programs(top)] if names else []
    return {path for path, name in names.items() if any(name in text for text in texts)}


def ignored(top: Path, paths: set[Path]) -> set[Path]:
    """Return the paths that a `.gitignore` of a folder names; the folder need not be a clone."""
    below = {str(path.relative_to(top)): path for path in paths if path.is_relative_to(top)}
    if not below:
        return set()
    with tempfile.TemporaryDirectory(prefix="gitops-") as folder:
        # A repository of its own: the same is ignored, whoever looks.
        programs.run(["git", "init", "--quiet", folder], missing="https://git-scm.com")
        argv = ["git", f"--git-dir={folder}/.git", f"--work-tree={top}", "-c", "core.quotePath=no"]
        argv += ["-c", "core.excludesFile=", "check-ignore", "-z", "--stdin"]
        done = programs.run(argv, stdin="\0".join(below), cwd=top)
    return {below[name] for name in done.stdout.split("\0") if name in below}
