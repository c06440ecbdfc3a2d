"""What every instruction of the Dockerfile must be like; a broken copy breaks each rule."""

import re
from collections.abc import Callable, Iterator

import pytest

from tools.command import ROOT

TEXT = (ROOT / "Dockerfile").read_text(encoding="utf-8")
Instruction = tuple[str, str]  # its name in capitals, and the rest of it in one line
UNVERIFIED = re.compile(
    r"--(?:insecure|no-check-certificate|trusted-host|allow-untrusted|allow-unauthenticated"
    r"|force-yes|nogpgcheck|no-gpg-check\w*|nodigest|nosignature)\b"
    r"|\bcurl .*-\w*k|PYTHONHTTPSVERIFY|NODE_TLS_REJECT_UNAUTHORIZED|GIT_SSL_NO_VERIFY"
    r"|strict-ssl|sslverify",
    re.IGNORECASE,
)
PACKAGES = re.compile(r"\b(?:apt|apt-get|apk|yum|dnf)\b(?! *[\w-]*/)")


def instructions(text: str) -> Iterator[Instruction]:
    """Yield each instruction, without comments; the default of an ARG stands for its name."""
    defaults: dict[str, str] = {}
    lines = [line for line in text.splitlines() if not line.lstrip().startswith("#")]
    for line in re.sub(r"\\\n\s*", " ", "\n".join(lines)).splitlines():
        name, _, rest = line.strip().partition(" ")
        if name.upper() == "ARG":
            key, _, default = rest.partition("=")
            defaults[key] = default
        if name:
            yield name.upper(), re.sub(r"\$\{(\w+)\}", lambda m: defaults.get(m[1], ""), rest)


def faults(text: str) -> Iterator[str]:
    """Yield what is wrong with a Dockerfile."""
    every = list(instructions(text))
    stages = [rest.split() for name, rest in every if name == "FROM"]
    aliases = [words[2] for words in stages if len(words) == 3]
    if len(aliases) != len(set(aliases)):
        yield "two stages have one name"
    for image in {words[0] for words in stages} - {*aliases}:
        if not re.fullmatch(r"[^@]+:(?!latest$)[\w.-]+|.+@sha256:[0-9a-f]{64}", image):
            yield f"{image} has no fixed tag"
    users = [rest for name, rest in every if name == "USER"]
    if not users or not re.match(r"[1-9]\d{4,}(:|$)", users[-1]):
        yield "the last user is not a number above 10000"
    for name, rest in every:
        yield from of_instruction(name, rest)


def of_instruction(name: str, rest: str) -> Iterator[str]:
    """Yield what is wrong with an instruction."""
    if name in ("ADD", "MAINTAINER"):
        yield f"{name} has a better instruction: COPY, LABEL"
    if name == "WORKDIR" and not rest.startswith(("/", "$")):
        yield f"WORKDIR {rest} depends on the one before"
    if name == "EXPOSE" and re.search(r"\b22\b", rest):
        yield "the port of SSH is exposed"
    if name == "RUN" and PACKAGES.search(rest):
        yield "a package of the distribution is installed, in whatever version there is"
    if name == "RUN" and re.search(r"\b(?:sudo|chpasswd)\b", rest):
        yield "a user changes, or a password"
    if UNVERIFIED.search(rest):
        yield "a certificate or a signature is not verified"


BROKEN: dict[str, Callable[[str], str]] = {
    "two stages have one name": lambda text: text.replace("AS runtime", "AS builder"),
    "python:latest has no fixed tag": lambda text: text.replace(":3.13-slim", ":latest"),
    "python has no fixed tag": lambda text: text.replace("=python:3.13-slim", "=python"),
    "is not a number above 10000": lambda text: text.replace("USER 10001:10001", "USER root"),
    "ADD has a better": lambda text: text.replace("COPY api", "ADD api"),
    "MAINTAINER has a better": lambda text: f"{text}\nMAINTAINER somebody",
    "depends on the one before": lambda text: text.replace("WORKDIR /app", "WORKDIR app"),
    "the port of SSH": lambda text: text.replace("EXPOSE 8888", "EXPOSE 8888 22/tcp"),
    "a package of the distribution": lambda text: f"{text}\nRUN apt-get update",
    "a user changes": lambda text: f"{text}\nRUN sudo true",
    "is not verified": lambda text: text.replace("--require-hashes", "--trusted-host x"),
}


def test_the_dockerfile_is_as_this_repository_asks() -> None:
    assert list(faults(TEXT)) == []


@pytest.mark.parametrize("fault", BROKEN)
def test_a_broken_copy_is_rejected(fault: str) -> None:
    broken = BROKEN[fault](TEXT)

    assert broken != TEXT
    assert fault in " ".join(faults(broken))


@pytest.mark.parametrize(
    "line",
    ["curl -sSk https://x", "wget --no-check-certificate x", "npm config set strict-ssl false"],
)
def test_each_way_to_verify_nothing_is_found(line: str) -> None:
    assert "is not verified" in " ".join(faults(f"{TEXT}\nRUN {line}"))


def test_the_fixture_that_the_scanners_get_is_rejected_too() -> None:
    careless = (ROOT / "tests/k8s/fixtures/careless/Dockerfile").read_text(encoding="utf-8")

    assert len(list(faults(careless))) == 2
