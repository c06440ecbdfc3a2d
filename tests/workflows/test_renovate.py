"""What renovate.json5 finds by patterns of its own, and asks for by what it finds."""

import re
import tomllib
from collections.abc import Iterator
from typing import Any

import pytest
import yaml

from tests.makefile.files import MAKEFILE
from tools.command import ROOT

Found = dict[str, str]
TEXT = (ROOT / "renovate.json5").read_text(encoding="utf-8")
DOWNLOADS = (ROOT / "tools/downloads.toml").read_text(encoding="utf-8")
# A form of this file that made the whole run fail: the datasource asked for a tag without its v.
WITHOUT_V = re.sub(r'tag = "v(.*)"', r'tag = "\1"', DOWNLOADS).replace("/{tag}/", "/v{tag}/")


def config(text: str = TEXT) -> dict[str, Any]:
    """Return the configuration: JSON5 without its comments is YAML, but for the backslashes."""
    plain = re.sub(r"(?m)(^|[\s,])//.*$", r"\1", text)
    parsed: dict[str, Any] = yaml.safe_load(plain.replace("\\\\", "\\"))
    return parsed


MANAGERS = {each["description"]: each for each in config()["customManagers"]}
PROGRAMS = MANAGERS["released programs, with their checksums"]
RULES = MANAGERS["the rules that Kubescape fetches"]


def matches(manager: dict[str, Any], text: str) -> Iterator[Found]:
    """Yield what a manager finds in a text, as Renovate would."""
    for pattern in manager["matchStrings"]:
        for found in re.finditer(pattern.replace("(?<", "(?P<"), text):
            yield found.groupdict()


def faults(manager: dict[str, Any], text: str) -> Iterator[str]:
    """Yield each program that Renovate would not find, or not by a tag that there is."""
    found = {each["depName"]: each for each in matches(manager, text)}
    for name, entry in tomllib.loads(text).items():
        fields = {"tag": entry["tag"], "version": entry["tag"].removeprefix("v")}
        address = entry["url"].format(**fields).removeprefix("https://github.com/").split("/")
        repository, released = "/".join(address[:2]), address[4]
        asked = found.get(repository)
        if asked is None:
            yield f"{name} is not found"
        elif (asked["currentValue"], asked["currentDigest"]) != (released, entry["sha256"]):
            yield f"{name}: {asked['currentValue']} is asked for, and {released} is downloaded"
    if "extractVersionTemplate" in manager:
        yield "a tag is made into a version, and the release of that is asked for"


def test_every_program_is_found_and_asked_for_by_the_tag_that_is_downloaded() -> None:
    assert list(faults(PROGRAMS, DOWNLOADS)) == []


def test_a_tag_without_its_v_is_rejected() -> None:
    assert list(faults(PROGRAMS, WITHOUT_V)) == [
        "k3d: 5.9.0 is asked for, and v5.9.0 is downloaded",
        "kubescape: 4.0.15 is asked for, and v4.0.15 is downloaded",
        "trivy: 0.74.0 is asked for, and v0.74.0 is downloaded",
    ]


def test_a_version_that_is_made_of_the_tag_is_rejected() -> None:
    trap = PROGRAMS | {"extractVersionTemplate": "^v?(?<version>.+)$"}

    assert list(faults(trap, DOWNLOADS)) == [
        "a tag is made into a version, and the release of that is asked for"
    ]


def test_a_program_that_is_written_in_another_order_is_missed_and_named() -> None:
    text = re.sub(r"(tag = .*\n)(sha256 = .*\n)", r"\2\1", DOWNLOADS, count=1)

    assert list(faults(PROGRAMS, text)) == ["k3d is not found"]


def test_the_rules_of_kubescape_are_one_release_that_both_scans_use_and_renovate_raises() -> None:
    (found,) = matches(RULES, MAKEFILE)

    assert re.fullmatch(r"v2\.0\.\d+", found["currentValue"])  # the release v2 itself is moved
    assert RULES["depNameTemplate"] == "kubescape/regolibrary"
    calls = re.findall(r"-m tools\.scan\.(kubescape|cluster) (.*)", MAKEFILE)
    assert calls == [
        ("kubescape", "--controls-version $(KUBESCAPE_RULES)"),
        ("cluster", "--controls-version $(KUBESCAPE_RULES)"),
    ]


def test_k3d_is_installed_in_the_version_that_the_tests_run_and_both_are_raised_together() -> None:
    built = (ROOT / "tools/k3d/go.mod").read_text(encoding="utf-8")
    group = next(each for each in config()["packageRules"] if each.get("groupName") == "K3d")

    assert f"github.com/k3d-io/k3d/v5 {tomllib.loads(DOWNLOADS)['k3d']['tag']} //" in built
    assert group["matchDepNames"] == ["k3d-io/k3d", "github.com/k3d-io/k3d/v5"]


@pytest.mark.parametrize("manager", MANAGERS)
def test_each_pattern_is_one_for_re2_which_renovate_matches_with(manager: str) -> None:
    patterns = " ".join(MANAGERS[manager]["matchStrings"])

    assert re.search(r"\(\?[=!]|\(\?<[=!]|\\[1-9]", patterns) is None


def test_the_files_of_each_pattern_are_here() -> None:
    listed = [name for each in MANAGERS.values() for name in each["managerFilePatterns"]]

    for name in listed:
        assert (ROOT / name.strip("/^$").replace("\\", "")).is_file()
