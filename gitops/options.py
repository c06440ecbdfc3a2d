"""The options of `kustomize build`, wherever a repository says how its overlays are built.

They are read from `build` in gitops.yaml, from what Argo CD is set up with, from the scripts that
build and the pages that say how to, and from what Flux applies: its controller restricts files to
the repository, not to a kustomization's folder.
"""

from __future__ import annotations

import re
import shlex
from collections.abc import Iterator
from dataclasses import dataclass, field, replace
from functools import cached_property, reduce
from pathlib import Path

from gitops import applications
from gitops.config import Entry
from gitops.deliveries.found import Deliveries
from gitops.errors import GitopsError

# Of the ConfigMap argocd-cm (`kustomize.buildOptions`, or that of a version), as a key of it, of a
# generator or of a chart's values; and of the operator's ArgoCD.
ARGO_CD = re.compile(
    r"""^[\s"'-]*kustomize(?:\.buildOptions(?:\.[\w.]+)?|BuildOptions)["']?\s*[:=]\s*"""
    r"""["']?(?P<options>[^#"'\n]*)""",
    re.MULTILINE,
)
MARK = b"uildOptions"
# Of a script, a playbook or a page, which builds overlays that a variable names, too.
UNRESTRICTED = re.compile(
    rb"(?i)\b(?:build|kubectl[ \t]+kustomize)[ \t][^\n|;&]*--load[-_]restrictor[ =]+\w*none\b"
)
# Options with a value that change nothing here.
VALUES = {
    *("-e", "--env", "-o", "--output", "--helm-api-versions", "--helm-command", "--mount"),
    *("--network-name", "--reorder"),
}
FLAGS = {"--as-current-user", "--enable-star", "--enable-managedby-label", "--network", "true"}


@dataclass(frozen=True)
class Options:
    """What changes what an overlay renders to, or whether it does."""

    unrestricted: bool = False
    helm: bool = False
    kube_version: str = ""  # for charts
    plugins: bool = False

    @classmethod
    def of(cls, text: str, *, strict: bool = True) -> Options:
        """Return the options that a text gives as `kustomize build` takes them.

        Raises GitopsError for one that it does not have, if `strict`, and for an open quotation.
        """
        found = cls()
        try:
            words = iter(shlex.split(re.sub(r"(--[\w-]+)=", r"\1 ", text)))
        except ValueError as error:
            raise GitopsError(f"{text!r} has no options of `kustomize build`: {error}") from None
        for word in words:
            # Until version 4, the options had underscores.
            name = word.replace("_", "-") if word.startswith("--") else word
            if name == "--load-restrictor":
                value = next(words, "").lower()
                found = replace(found, unrestricted=value.endswith("none"))
            elif name == "--enable-helm":
                found = replace(found, helm=True)
            elif name == "--helm-kube-version":
                found = replace(found, kube_version=next(words, ""))
            elif name in ("--enable-alpha-plugins", "--enable-exec"):
                found = replace(found, plugins=True)
            elif name in VALUES:
                next(words, "")
            elif strict and name not in FLAGS:
                raise GitopsError(f"`kustomize build` has no option {word}")
        return found

    def __or__(self, other: Options) -> Options:
        """Return what either of them allows."""
        return Options(
            self.unrestricted or other.unrestricted,
            self.helm or other.helm,
            self.kube_version or other.kube_version,
            self.plugins or other.plugins,
        )


PLAIN = Options()  # `kustomize build` without options


@dataclass(eq=False)
class Settings:
    """How the overlays of a repository are built, and what is asked for on the command line.

    Plugins are programs, and whoever changes a repository could name any: a repository may say that
    it needs them, but only the command line lets them run. The same holds for the network.
    """

    deliveries: Deliveries
    declared: list[Entry] = field(default_factory=list)  # `build` in gitops.yaml
    asked: Options = PLAIN
    network: bool = False

    def of(self, name: str, folder: Path) -> Options:
        """Return the options that an overlay is built with."""
        found = self._argo_cd | self._scripted
        for each in self.declared:
            if each.means(name) or each.means(folder.name):
                each.used = True
                found |= Options.of(each.options)
        if folder in self.deliveries.by_flux:
            found |= Options(unrestricted=True)
        return replace(found, plugins=False) | self.asked

    @cached_property
    def _argo_cd(self) -> Options:
        found = [Options.of(text, strict=False) for text in argo_cd(self.deliveries.root)]
        return reduce(Options.__or__, found, PLAIN)

    @cached_property
    def _scripted(self) -> Options:
        root = self.deliveries.root
        pages = applications.named(root, applications.PAGES)
        files = [*applications.files(root), *applications.script_files(root), *pages]
        texts = (content(file).replace(b"\\\n", b" ") for file in files)
        return Options(unrestricted=any(map(UNRESTRICTED.search, texts)))


def argo_cd(root: Path) -> Iterator[str]:
    """Yield the options that the files below a folder give to Argo CD."""
    for file in applications.files(root):
        text = content(file)
        if MARK in text:
            for match in ARGO_CD.finditer(text.decode("utf-8", "replace")):
                yield match["options"]


def content(file: Path) -> bytes:
    """Return the content of a file; nothing if it cannot be read."""
    try:
        return file.read_bytes()
    except OSError:
        return b""
