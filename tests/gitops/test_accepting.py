"""What is accepted: by a comment at the line, or by a baseline."""

from __future__ import annotations

import json
import shutil
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import pytest

from gitops import baseline
from gitops.errors import GitopsError
from gitops.findings import Finding
from gitops.ignores import read
from tests.gitops.conftest import Check
from tests.gitops.test_cases import written
from tests.gitops.test_cli import call, called

DEV = "overlays/dev/kustomization.yaml"
MESSAGE = "newTag 1.2.0 for image registry.example.com/shap matches nothing"


@pytest.fixture
def broken(copy: Callable[[str], Path]) -> Path:
    """Return a repository with an image entry that matches nothing, and the pin that it lacks."""
    root = copy("layered")
    changed(root, "shop\n    newTag", "shap\n    newTag")
    return root


def changed(root: Path, old: str, new: str) -> None:
    text = (root / DEV).read_text()
    assert old in text
    (root / DEV).write_text(text.replace(old, new))


@pytest.mark.parametrize(
    ("text", "lines"),
    [
        ("a: 1 # gitops: ignore inert it is meant", {1}),
        ("# gitops: ignore inert it is meant\na: 1", {1, 2}),
        ("# gitops: ignore inert it is meant\n# more\n\na: 1", {1, 4}),
        ("#gitops:ignore inert: it is meant", {1}),
        ("\ufeff# gitops: ignore inert it is meant\r\n---\r\n\r\na: 1\r\n", {1, 4}),
        ("a: 'x#gitops: ignore inert it is meant'", None),
        ("a:\n- b # gitops: ignore inert it is meant\n\n  c\n- d", {2, 3, 4}),
        ("a:\n  # gitops: ignore inert it is meant\n  -\n    b\n# more\n  - d", {2, 3, 4}),
    ],
)
def test_a_comment_is_about_its_line_or_the_next_or_the_entry_that_begins_there(
    tmp_path: Path, text: str, lines: set[int] | None
) -> None:
    file = tmp_path / "x.yaml"
    file.write_text(text, encoding="utf-8", newline="")
    found = [*read(file)]

    assert [each.lines for each in found] == ([lines] if lines else [])
    assert all(
        (each.rule, each.reason, each.fault) == ("inert", "it is meant", "") for each in found
    )


def test_a_comment_with_a_reason_accepts_a_finding(broken: Path, check: Check) -> None:
    assert {each.rule for each in check(broken)} == {"inert", "pin"}
    changed(broken, "newTag: 1.2.0", "newTag: 1.2.0 # gitops: ignore inert a mirror adds it")
    changed(broken, "namespace:", "# gitops: ignore pin it is for tests\nnamespace:")

    assert {each.rule for each in check(broken, "inert")} == set()


def test_a_comment_that_nothing_needs_is_told_if_its_rule_was_checked(
    copy: Callable[[str], Path], check: Check
) -> None:
    root = copy("layered")
    changed(root, "newTag: 1.2.0", "newTag: 1.2.0 # gitops: ignore inert a mirror adds it")
    (finding,) = check(root)

    assert (finding.rule, finding.line) == ("configuration", 6)
    assert "ignore inert`: no longer needed here" in finding.message
    assert check(root, "pin") == []


@pytest.mark.parametrize(
    ("comment", "said"),
    [("ignore inert", "needs a reason"), ("ignore inret x", "not 'inret'"), ("ignore", "a rule")],
)
def test_a_comment_that_lacks_something_accepts_nothing(
    broken: Path, check: Check, comment: str, said: str
) -> None:
    changed(broken, "newTag: 1.2.0", f"newTag: 1.2.0 # gitops: {comment}")
    told = {each.rule: each.message for each in check(broken, "inert")}

    assert told.keys() == {"inert", "configuration"}
    assert said in told["configuration"]


def test_with_a_baseline_only_what_is_new_is_told(broken: Path, tmp_path: Path) -> None:
    file = tmp_path / "baseline.json"
    code, said = call("check", broken, "--baseline", file, "--write-baseline")
    assert (code, said) == (0, f"{file}: 2 findings written\n")
    # Lines move, which changes nothing; then something new appears.
    changed(broken, "namespace: shop-dev\n", "# one\n# two\nnamespace: shop-dev\n")
    code, report = called("check", broken, "--baseline", file)
    assert (code, report["findings"], report["baseline_hidden"]) == (0, [], 2)
    changed(broken, "DEBUG=yes", "MODE=plain")
    code, report = called("check", broken, "--baseline", file)
    assert (code, {each["rule"] for each in report["findings"]}) == (1, {"configuration"})


def test_a_baseline_is_the_same_wherever_the_clone_is(
    copy: Callable[[str], Path], tmp_path: Path
) -> None:
    root, file = copy("layered"), tmp_path / "baseline.json"
    (root / ".git").mkdir()
    # What is above the folder that is checked: an override, and what kustomize says of a file.
    written(
        root,
        {
            "overlays/one/kustomization.yaml": "resources: [../../broken]\n",
            "overlays/two/kustomization.yaml": "resources: [../../dead]\n",
            "broken/kustomization.yaml": "resources: [absent.yaml]\n",
            "dead/kustomization.yaml": "resources: [../base]\nimages: [{name: no, newTag: '1'}]\n",
        },
    )
    call("check", root / "overlays", "--baseline", file, "--write-baseline")
    found = json.loads(file.read_text())["findings"]
    assert {each["file"] for each in found} >= {
        "../broken/kustomization.yaml",
        "../dead/kustomization.yaml",
    }
    assert str(tmp_path) not in file.read_text()
    moved = shutil.move(root, tmp_path / "moved")
    code, report = called("check", Path(moved) / "overlays", "--baseline", file)
    assert (code, report["findings"], report["baseline_mended"]) == (0, [], 0)


def test_what_is_mended_is_counted_where_it_was_looked_for(broken: Path, tmp_path: Path) -> None:
    file = tmp_path / "baseline.json"
    call("check", broken, "--baseline", file, "--write-baseline")
    changed(broken, "shap\n    newTag", "shop\n    newTag")

    assert called("check", broken, "--baseline", file)[1]["baseline_mended"] == 2
    assert called("check", broken, "--baseline", file, "--only", "pin")[1]["baseline_mended"] == 1
    assert "2 of the baseline no longer found" in call("check", broken, "--baseline", file)[1]


@pytest.mark.parametrize(
    ("text", "said"),
    [(None, "no baseline yet"), ("[]", "not a baseline"), ('{"version": 9}', "not a baseline")],
)
def test_what_is_no_baseline_is_refused(tmp_path: Path, text: str | None, said: str) -> None:
    file = tmp_path / "baseline.json"
    if text is not None:
        file.write_text(text)
    with pytest.raises(GitopsError, match=said):
        baseline.read(file)


def test_a_baseline_needs_a_file_to_be_written_to(broken: Path) -> None:
    code, said = call("check", broken, "--write-baseline")
    assert code == 2
    assert "needs --baseline FILE" in said


@pytest.mark.parametrize(
    ("other", "is_same"),
    [
        ({"line": 9}, True),
        ({"overlays": ("dev", "prod")}, True),
        ({"message": "is overwritten by x (base/y.yaml:30)"}, True),
        ({"message": "is overwritten by x (base/z.yaml:3)"}, False),
        ({"rule": "pin"}, False),
        ({"file": Path("/r/other.yaml")}, False),
    ],
)
def test_a_finding_is_known_by_its_rule_file_and_words(
    other: dict[str, object], is_same: bool
) -> None:
    one = Finding(Path("/r/a.yaml"), 3, "inert", "is overwritten by x (base/y.yaml:3)", ("dev",))
    names = [
        *baseline.fingerprints([one], Path("/r")),
        *baseline.fingerprints([replace(one, **other)], Path("/r")),  # type: ignore[arg-type]
    ]

    assert (len({*names}) == 1) == is_same


def test_a_finding_is_known_whatever_a_kustomization_is_called() -> None:
    messages = [f"is overwritten by x (base/Kustomization:{line})" for line in (3, 4)]
    found = [Finding(Path("/r/a.yaml"), 3, "inert", message) for message in messages]

    assert len({*(name for one in found for name in baseline.fingerprints([one], Path("/r")))}) == 1


def test_the_same_finding_twice_has_two_names(tmp_path: Path) -> None:
    one = Finding(tmp_path / "a.yaml", 3, "inert", "x")
    both = [one, replace(one, line=4)]
    baseline.write(tmp_path / "b.json", both, tmp_path)

    assert len(json.loads((tmp_path / "b.json").read_text())["findings"]) == 2
    known = baseline.read(tmp_path / "b.json")
    assert baseline.new([*both, replace(one, line=5)], tmp_path, known) == [replace(one, line=5)]


def test_each_format_can_be_written_into_a_file_in_the_same_run(
    broken: Path, tmp_path: Path
) -> None:
    written = {how: tmp_path / how for how in ("sarif", "junit", "markdown", "text")}
    options = [word for how, file in written.items() for word in ("--write", f"{how}={file}")]
    code, said = call("check", broken, "--format", "github", *options)

    assert code == 1
    assert said.startswith("::error file=")
    assert all(MESSAGE in file.read_text() for file in written.values())
    code, said = call("check", broken, "--write", "sarf=x")
    assert code == 2
    assert "is not FORMAT=FILE" in said
