"""Run jobs of the workflows on this machine, with act, from a fresh clone of what is committed.

The runner is the machine itself: there are no containers. Actions of the marketplace have stand-ins
in tests/workflows/actions, as nothing is fetched; the make targets that the jobs call are real.
"""

import argparse
import json
import os
import re
import tempfile
import time
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

from tools.command import ROOT, ToolError, exit_with, run, say
from tools.project import git, repository

ACT = ROOT / ".tools" / "act"
LOGS = ROOT / ".build" / "act"
STAND_INS = ROOT / "tests" / "workflows" / "actions"
RUNNER = "ubuntu-24.04=-self-hosted"
USES = re.compile(r"uses: (actions/([a-z-]+)@[0-9a-f]{40})")
EVENT = {"pull_request": {"number": 1, "head": {"repo": {"fork": False}}, "base": {"ref": "main"}}}
FAILED = re.compile(r"Failure - Main (.*?) \[")


@dataclass(frozen=True)
class Job:
    """A job, by its workflow's file and its id, and what starts it."""

    workflow: str
    name: str
    event: str = "pull_request"

    def __str__(self) -> str:
        return f"{self.workflow}/{self.name}"


# docs/pipelines.md says of every job why it is here or not.
JOBS = (Job("ci", "test"), Job("ci", "manifests"), Job("ci", "image"), Job("preview", "render"))
# Only by name: they want a ledger, LEDGER_URL and LEDGER_TOKEN in the environment, or five minutes.
OTHERS = (
    Job("declare", "declare", "push"),
    Job("nightly", "drift", "schedule"),
    Job("nightly", "flood", "schedule"),
)


def stand_ins(clone: Path) -> Iterator[str]:
    """Yield the options that put a stand-in in the place of each action that is used."""
    files = [*(clone / ".github").rglob("*.yaml")]
    used = {found for file in files for found in USES.findall(file.read_text(encoding="utf-8"))}
    for action, name in sorted(used):
        yield from ("--local-repository", f"{action}={STAND_INS / name}")


def ledger() -> Iterator[str]:
    """Yield the options that lead to the ledger of the environment, if it names one."""
    for option, name in (("--var", "LEDGER_URL"), ("--secret", "LEDGER_TOKEN")):
        if os.environ.get(name):  # act would ask a person for one that is missing
            yield from (option, name)


def prepared(clone: Path) -> Path:
    """Return a clone in which each job can run alone, of a repository as it is on GitHub.

    It has an origin to compare with, and nothing that is not committed.
    """
    git("clone", "--quiet", str(ROOT), str(clone))
    git("remote", "set-url", "origin", f"https://github.com/{repository()}.git", root=clone)
    for file in (clone / ".github" / "workflows").glob("*.yaml"):
        # act would first run the jobs that a job needs.
        file.write_text(re.sub(r"(?m)^    needs: .*\n", "", file.read_text("utf-8")), "utf-8")
    return clone


def perform(job: Job, clone: Path, scratch: Path) -> str:
    """Run a job and return the step that failed, or an empty text; its log is kept."""
    event = scratch / "event.json"
    event.write_text(json.dumps(EVENT), encoding="utf-8")
    done = run(
        [
            *(ACT, job.event, "--workflows", f".github/workflows/{job.workflow}.yaml"),
            *("--job", job.name, "--platform", RUNNER, "--eventpath", event),
            *("--env", f"ACT_ARTIFACTS={scratch / 'artifacts'}", *stand_ins(clone)),
            *ledger(),
        ],
        cwd=clone,
        # What the caller's make exports is not the runner's.
        env={name: value for name, value in os.environ.items() if not name.startswith("MAKE")},
    )
    log = LOGS / f"{job.workflow}-{job.name}.log"
    log.write_text(done.stdout + done.stderr, encoding="utf-8")
    if not done.returncode:
        return ""
    failed = FAILED.findall(done.stdout)
    return f"{failed[0] if failed else 'it did not start'}: see {log.relative_to(ROOT)}"


def main() -> None:
    """Run the tool."""
    parser = argparse.ArgumentParser(prog="python -m tools.act", description=__doc__)
    known = {str(job): job for job in JOBS + OTHERS}
    default = ", ".join(map(str, JOBS))
    told = f"{default}, which are run if none is named, or {', '.join(map(str, OTHERS))}"
    parser.add_argument("jobs", metavar="JOB", nargs="*", help=told)
    given = parser.parse_args().jobs
    if unknown := set(given) - known.keys():
        raise ToolError(f"no job {', '.join(sorted(unknown))}: there is {', '.join(known)}")
    LOGS.mkdir(parents=True, exist_ok=True)
    failures = 0
    with tempfile.TemporaryDirectory(prefix="act-") as temporary:
        scratch = Path(temporary)
        clone = prepared(scratch / "clone")
        for job in [known[name] for name in given] or JOBS:
            start = time.monotonic()
            failed = perform(job, clone, scratch)
            failures += bool(failed)
            told = f"failed in {failed}" if failed else "ok"
            say(f"{job}: {told}, {time.monotonic() - start:.0f} s")
    if failures:
        raise ToolError(f"{failures} jobs failed")


if __name__ == "__main__":
    exit_with(main)
