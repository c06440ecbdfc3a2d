"""What make would do for a target in a clone where nothing was made yet, command by command."""

import os
import re
import shlex
import subprocess
from collections.abc import Iterator
from dataclasses import dataclass
from itertools import takewhile
from pathlib import Path

from tests.makefile.files import MAKEFILE
from tests.makefile.reach import BUILT, entry, reached, tested
from tools.command import ROOT

# Something for each variable without which a target only says what is missing.
GIVEN = {
    "CHART_DIGEST": f"sha256:{64 * '2'}",
    "DIGEST": f"sha256:{64 * '1'}",
    "FROM": "dev",
    "GIT_URL": "http://127.0.0.1/x.git",
    "HOST": "slipway.example.org",
    "OWNER": "acme",
    "MANIFESTS_DIGEST": f"sha256:{64 * '3'}",
    "TAG": "v1.2.3",
    "TO": "staging",
    "VERSION": "1.2.3",
}
CHECKED = (ROOT / "k8s/gitops.yaml").read_text(encoding="utf-8")  # where the schemas are
BEGUN = re.compile(r" *Must remake target [`'](.*)'\.")
DONE = re.compile(r" *Successfully remade target file [`'](.*)'\.")
ENDS = (";", "&&", "||", "|", "&")  # of a command
TOLD = re.compile(r" *(File|Prerequisite|Finished|Considering|No need|Pruning|Giving up) ")
ENVIRONMENT = "venv"  # of the project's own Python


@dataclass(frozen=True)
class Step:
    """A command, the target that it is for, and what was made before it."""

    target: str
    command: str
    made: frozenset[str]

    @property
    def missing(self) -> set[str]:
        """What the command opens and nothing has made."""
        return opened(self.command) - self.made - {made(self.target)}


# What pytest runs only where it is named, as the Makefile does.
ELSEWHERE = ("controllers", "e2e", "renovate")
# What the tests have stand-ins for, or leave out with a reason where it is not there.
FAKED = {"cosign", "oras"}


def made(target: str) -> str:
    """Return what a file's target makes: a program below .tools/, the environment, or nothing."""
    if target.startswith(".venv/"):
        return ENVIRONMENT
    return found[1] if (found := BUILT.match(target)) else ""


def buildable() -> set[str]:
    """Return all that the Makefile has a rule for."""
    rules = re.findall(r"^(\.tools/[\w./ -]+?):", MAKEFILE, re.MULTILINE)
    named = {ENVIRONMENT, "node", "renovate", "uv"}  # by variables
    return {made(each) for rule in rules for each in rule.split()} | named


def dry_run(clone: Path, target: str) -> list[Step]:
    """Return the commands of a target and of all that it needs, in their order."""
    given = [f"{name}={value}" for name, value in GIVEN.items()]
    done = subprocess.run(
        ["make", "--dry-run", "--debug=basic", target, *given],
        cwd=clone,
        # Nothing of the make that runs the tests: it would share its own options and targets.
        env={"PATH": os.environ["PATH"], "HOME": os.environ.get("HOME", "/"), "LC_ALL": "C"},
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 0, done.stdout + done.stderr
    return list(steps(done.stdout))


def steps(said: str) -> Iterator[Step]:
    """Yield the commands of a dry run."""
    current: list[str] = []
    so_far: set[str] = set()
    for line in said.replace("\\\n", " ").splitlines():
        if begun := BEGUN.fullmatch(line):
            current.append(begun[1])
        elif done := DONE.fullmatch(line):
            current.pop()
            so_far.add(made(done[1]))
        elif current and not TOLD.match(line):
            yield Step(current[-1], line, frozenset(so_far))


def opened(command: str) -> set[str]:
    """Return what a command opens: programs and the environment, itself or by what it runs."""
    found = {ENVIRONMENT} if ".venv/" in command else set()
    found.update(BUILT.findall(command))
    if " gitops check k8s" in command and " --skip schema" not in command:
        found.update(BUILT.findall(CHECKED))
    words = [*shlex.shlex(command, posix=True, punctuation_chars=True)]
    for at, word in enumerate(words):
        arguments = list(takewhile(lambda each: each not in ENDS, words[at + 1 :]))
        if word == "-m" and words[at - 1].endswith(("python", "python3")):
            found |= reached(entry(arguments[0], arguments[1:]))
        elif word.endswith(".venv/bin/pytest"):
            found |= run_by_pytest(arguments)
    return found & buildable()


def run_by_pytest(arguments: list[str]) -> set[str]:
    """Return the programs that the tests on a command line may run: without any, most of them."""
    named = [ROOT / each for each in arguments if each.startswith("tests/")]
    whole = {name for each in (ROOT / "tests").glob("[a-z]*") for name in of_folder(each)}
    return {name for each in named for name in tested(each)} if named else whole - FAKED


def of_folder(folder: Path) -> frozenset[str]:
    """Return the programs that the tests of a folder may run, if pytest runs these by itself."""
    return tested(folder) if folder.is_dir() and folder.name not in ELSEWHERE else frozenset()
