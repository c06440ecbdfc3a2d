"""Plant mistakes in repositories, and count who finds them: `gitops check` and others.

The others are kustomize, which refuses to render some, and kubeconform and kube-score on what it
renders. A mistake is found if it makes a finding that was not there before. Those after which every
overlay renders to the same, and of which nobody tells, are harmless and not counted.
"""

from __future__ import annotations

import argparse
import json
import random
import subprocess
import sys
import tempfile
from collections import Counter, defaultdict
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path

import yaml

from gitops.aside import prepared
from gitops.baseline import fingerprints
from gitops.cache import Cache
from gitops.checks.context import Context
from gitops.checks.run import run
from gitops.config import Config
from gitops.errors import GitopsError
from gitops.findings import Severity
from gitops.jobs import Answer
from gitops.render import Renderer
from tests.gitops.mistakes import Mistake, mistakes
from tools.command import ROOT, exit_with, say
from tools.setup import crds, schemas

LOCATIONS = (schemas.LOCATION, crds.LOCATION)
CHECK, NOTES = "gitops check", "with --notes"
KUSTOMIZE, KUBECONFORM, KUBE_SCORE = "kustomize", "kubeconform", "kube-score"
TOOLS = (CHECK, NOTES, KUSTOMIZE, KUBECONFORM, KUBE_SCORE)


@dataclass
class Complaints:
    """What every tool says of a repository."""

    said: dict[str, Counter[str]] = field(default_factory=lambda: defaultdict(Counter))
    rendered: list[str] = field(default_factory=list)


@dataclass(frozen=True)
class Tried:
    """A mistake, and who found it."""

    repository: str
    mistake: Mistake
    found: frozenset[str]


class Judge:
    """Asks the tools about a repository, again and again."""

    def __init__(self, root: Path, cache: Cache, version: str) -> None:
        self._root, self._cache, self._version = root, cache, version
        self._known: dict[str, dict[str, Counter[str]]] = {}

    def ask(self, base: str | None = None) -> Complaints:
        """Return what the tools say now, `check` also in comparison with a revision."""
        config = Config.read(self._root)
        repository = prepared(self._root, config)
        with Renderer(self._cache) as renderer:  # a new one, as files have changed since
            context = Context(repository, config, renderer, base, LOCATIONS, (self._version,))
            context.cache = self._cache
            found = run(context)
        complaints = Complaints()
        serious = [each for each in found if each.severity is not Severity.NOTE]
        complaints.said[CHECK].update(fingerprints(serious, self._root))
        complaints.said[NOTES].update(fingerprints(found, self._root))
        if context.failures:
            raise GitopsError(f"{self._root}: {'; '.join(context.failures)}")
        for overlay, answer in context.answers.items():
            complaints.rendered.append(answer.error or answer.digest)
            if answer.error:
                complaints.said[KUSTOMIZE][f"{overlay.name}: {answer.error}"] += 1
            else:
                self._validate(answer, complaints)
        for fault in repository.faults.values():  # of what it refuses to read
            complaints.said[KUSTOMIZE][f"{fault.file}: {fault.message}"] += not fault.is_cycle
        return complaints

    def _validate(self, answer: Answer, complaints: Complaints) -> None:
        if answer.digest not in self._known:
            with tempfile.NamedTemporaryFile("w", suffix=".yaml", encoding="utf-8") as file:
                yaml.safe_dump_all(answer.objects, file)
                file.flush()
                self._known[answer.digest] = {
                    KUBECONFORM: Counter(kubeconform(Path(file.name), self._version)),
                    KUBE_SCORE: Counter(kube_score(Path(file.name), self._version)),
                }
        for tool, said in self._known[answer.digest].items():
            complaints.said[tool] |= said


def kubeconform(file: Path, version: str) -> Iterator[str]:
    """Yield what kubeconform says of the objects in a file."""
    argv: list[str | Path] = [ROOT / ".tools" / "kubeconform", "-strict", "-output", "json"]
    argv += [option for each in LOCATIONS for option in ("-schema-location", each)]
    argv += ["-ignore-missing-schemas", "-kubernetes-version", version]
    done = subprocess.run([*argv, file], check=False, stdout=subprocess.PIPE)
    for each in json.loads(done.stdout or b"{}").get("resources") or []:
        yield f"{each['kind']} {each['name']}: {each['msg']}"


def kube_score(file: Path, version: str) -> Iterator[str]:
    """Yield what kube-score says of the objects in a file, warnings too."""
    argv: list[str | Path] = [ROOT / ".tools" / "kube-score", "score", "--output-format", "ci"]
    argv += ["--kubernetes-version", f"v{version.rpartition('.')[0]}", file]
    done = subprocess.run(argv, check=False, capture_output=True)
    for line in (done.stdout + done.stderr).decode("utf-8", "replace").splitlines():
        if not line.startswith("[OK]"):
            yield line.replace(str(file), "")


@contextmanager
def made(root: Path, mistake: Mistake) -> Iterator[None]:
    """Make a mistake, and take it back."""
    file = root / mistake.file
    before = file.read_bytes()
    file.write_text(mistake.text, encoding="utf-8")
    try:
        yield
    finally:
        file.write_bytes(before)


def chosen(root: Path, most: int) -> list[Mistake]:
    """Return some mistakes of each kind, by chance, and the same ones every time."""
    by_kind: dict[str, list[Mistake]] = defaultdict(list)
    for each in mistakes(prepared(root, Config.read(root))):
        by_kind[each.kind].append(each)
    picked = random.Random(1)  # noqa: S311 - it is to be the same again
    return [
        each for every in by_kind.values() for each in picked.sample(every, min(most, len(every)))
    ]


def tried(root: Path, cache: Cache, version: str, most: int) -> Iterator[Tried]:
    """Yield some mistakes in a repository, and who found them."""
    judge = Judge(root, cache, version)
    before = judge.ask()
    for mistake in chosen(root, most):
        with made(root, mistake):
            after = judge.ask("HEAD" if mistake.is_change else None)
        found = frozenset(tool for tool in TOOLS if set(after.said[tool]) - set(before.said[tool]))
        if found or after.rendered != before.rendered or mistake.kind in SILENT:
            yield Tried(root.name, mistake, found)


# After these everything renders as before, and that is what is wrong.
SILENT = {"image name", "image name, stale", "patch target name", "patch target kind"}


def table(every: list[Tried]) -> Iterator[str]:
    """Yield a table by kind of mistake: how many there are, and how many each tool finds."""
    yield f"| mistake | planted | {' | '.join(TOOLS)} |"
    yield f"| --- | ---: |{' ---: |' * len(TOOLS)}"
    kinds = dict.fromkeys(each.mistake.kind for each in every)
    for kind in [*sorted(kinds), ""]:
        some = [each for each in every if kind in ("", each.mistake.kind)]
        counts = [sum(tool in each.found for each in some) for tool in TOOLS]
        yield f"| {kind or '**all**'} | {len(some)} | {' | '.join(map(str, counts))} |"


def main() -> None:
    """Plant mistakes in the repositories that are named, which are changed and changed back."""
    parser = argparse.ArgumentParser(prog="python -m bench.planted", description=__doc__)
    parser.add_argument("roots", nargs="+", type=Path, metavar="FOLDER")
    parser.add_argument("--most", type=int, default=1, help="of each kind, in each repository")
    parser.add_argument("--verbose", action="store_true", help="tell also those that are found")
    asked = parser.parse_args()
    schemas.ensure()
    version = schemas.minors(schemas.source())[0]
    every: list[Tried] = []
    with tempfile.TemporaryDirectory() as folder:
        for root in asked.roots:
            for each in tried(root.resolve(), Cache(Path(folder)), version, asked.most):
                every.append(each)
                if asked.verbose or CHECK not in each.found:
                    told = ", ".join(sorted(each.found)) or "nobody"
                    print(f"{each.repository}: {each.mistake}: {told}", file=sys.stderr, flush=True)
    say("\n".join(table(every)))


if __name__ == "__main__":
    exit_with(main)
