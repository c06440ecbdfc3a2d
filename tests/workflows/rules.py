"""What this repository asks of a workflow beyond what actionlint and zizmor do."""

import re
from collections.abc import Iterator
from typing import Any

from tests.workflows.files import Workflow, calls, parsed, steps, targets

RIGHT = re.compile(r"^ {6}[a-z-]+: (?:read|write)\b(?P<rest>.*)$", re.MULTILINE)
MACHINES = ("ubuntu-24.04", "ubuntu-24.04-arm")
# Steps that are no make target, because they belong to the runner and not to a person's machine.
GLUE = {
    "Note its checksum": "it is handed to the next jobs",
    "Verify that the image is the one built": "it compares what one job handed to the next",
    "Verify that the image is the one built and scanned": "it compares, and loads what is pushed",
    "Verify that the images are those built": "it compares, and loads what is pushed",
    "Verify that they are those packed": "it compares what one job handed to the next",
    "Log in to GHCR": "a person has logged in already, with a token of their own",
}

# Targets that read commits or tags which a clone of one commit has not, each with what it reads.
HISTORY = {
    "declare": "since which commit a release is declared",
    "diff": "the revision that it compares with",
    "e2e": "the release before, which is upgraded from",
    "promote": "the commits that it brings",
    "propose": "the commits that it brings",
    "release-check": "whether the tag is on the main branch",
    "revert": "the release that it goes back to",
    "rollback": "what was declared before",
    "scan": "every commit, for secrets in it",
    "status": "since which commit a release is declared",
}


# Targets that ask a registry, which may hold a private package.
ASKING = {"propose", "promote", "pin", "push", "sign", "verify", "scan-released"}
# What GitHub gives to private repositories by a paid plan only.
# What could send a secret away, or let somebody in.
SENDS = re.compile(r"\b(?:curl|wget|nc|ncat|netcat|socat)\b|/dev/(?:tcp|udp)/")
# The only workflow that does something else for another input, and what keeps that harmless.
INPUTS = {"promote": "its inputs choose environments; what it promotes was built and signed before"}
PAID = re.compile(r"actions/attest@|make upload-sarif")
IN_PUBLIC = "!github.event.repository.private"


def faults(text: str) -> Iterator[str]:
    """Yield what is wrong with a workflow."""
    workflow = parsed(text)
    if workflow.get("permissions") != {}:
        yield "the workflow has rights: each belongs to its job"
    if "concurrency" not in workflow:
        yield "it does not say which of two runs goes on"
    yield from of_triggers(workflow)
    if missing := unsigned(workflow):
        yield f"an image is released without `make {missing}`"
    for name, job in workflow["jobs"].items():
        yield from (f"{name} {fault}" for fault in of_job(job))
        yield from (f"{name} {fault}" for fault in of_plan(job))
        yield from (f"{name} {fault}" for fault in of_registry(job))
    for right in RIGHT.finditer(text):
        if not re.search(r" # \w+", right["rest"]):
            yield f"{right[0].strip()} has no reason beside it"
    for name, step in steps(workflow):
        yield from (f"{name} {fault}" for fault in of_step(step))
    whole = {name for name, step in steps(workflow) if depth(step) == 0}
    for name, target in calls(workflow):
        if target in HISTORY and name not in whole:
            yield f"{name} has one commit, and `make {target}` reads {HISTORY[target]}"


def of_triggers(workflow: Workflow) -> Iterator[str]:
    """Yield what is wrong with what starts a workflow."""
    triggers = workflow[True]
    if "pull_request_target" in triggers:
        yield "a stranger's pull request would start it with a token"
    if (triggers.get("workflow_dispatch") or {}).get("inputs") and workflow["name"] not in INPUTS:
        yield "what it builds depends on what a person types in"


def unsigned(workflow: Workflow) -> str:
    """Return what is left out of a release: its SBOM, its signature, or that both are verified."""
    called = [target for _, target in calls(workflow)]
    after = called[called.index("index") :] if "index" in called else []
    return next((each for each in ("sbom", "sign", "verify") if after and each not in after), "")


def depth(step: dict[str, Any]) -> Any:
    """Return how many commits a step checks out, where it says so; 0 are all of them."""
    return (step.get("with") or {}).get("fetch-depth")


def of_job(job: dict[str, Any]) -> Iterator[str]:
    """Yield what is wrong with a job; one that is another workflow leaves the rest to that."""
    if "permissions" not in job:
        yield "does not say which rights it has"
    if "uses" not in job and "timeout-minutes" not in job:
        yield "has no time limit"
    for machine in () if "uses" in job else machines(job):
        if machine not in MACHINES:
            yield f"runs on {machine}, which is another machine some day"


def machines(job: dict[str, Any]) -> list[str]:
    """Return what a job runs on: one machine, or one for each entry of its matrix."""
    if job["runs-on"] != "${{ matrix.runner }}":
        return [job["runs-on"]]
    return [each["runner"] for each in job["strategy"]["matrix"]["include"]]


def of_plan(job: dict[str, Any]) -> Iterator[str]:
    """Yield the steps that would fail in every private repository without a paid plan."""
    for step in job.get("steps", ()):
        paid = PAID.search(f"{step.get('uses', '')} {step.get('run', '')}")
        if paid and IN_PUBLIC not in f"{job.get('if', '')} {step.get('if', '')}":
            yield f"needs a paid plan in a private repository for {paid[0]!r}"


def of_registry(job: dict[str, Any]) -> Iterator[str]:
    """Yield what is wrong with how a job asks a registry: without right, login, or restraint."""
    has_login = False
    for step in job.get("steps", ()):
        if any("PASSWORD" in name for name in step.get("env") or ()):
            yield "hands a password to every registry that its program asks"
        has_login |= step.get("name") == "Log in to GHCR"
        asking = ASKING.intersection(targets(step.get("run", "")))
        if asking and not (has_login and "packages" in job["permissions"]):
            yield f"cannot read a private package for {', '.join(sorted(asking))}"


def of_step(step: dict[str, Any]) -> Iterator[str]:
    """Yield what is wrong with a step."""
    if step.get("uses", "").startswith("actions/checkout@"):
        if (step.get("with") or {}).get("persist-credentials") is not False:
            yield "leaves its token in the clone"
    elif "run" in step and not list(targets(step["run"])) and step.get("name") not in GLUE:
        yield f"calls no make target in {step.get('name')!r}"
    if SENDS.search(step.get("run", "")):
        yield "sends something by itself"
