"""Small repositories, each with everything that is wrong in it: the files in cases/.

A case has the files of a repository beside those of `common`, and what is found there: severity,
rule, file, line and message, with `...` for anything.
A file may be a text, bytes, or a link: `{link: TARGET}`.
"""

from __future__ import annotations

import re
from pathlib import Path
from typing import Any

import pytest
import yaml

from tests.gitops.conftest import Check

CASES = Path(__file__).parent / "cases"
# What each case is about; `rules` of a case names others.
RULES = ("file", "render", "inert", "dangling")


def cases() -> list[Any]:
    found = []
    for file in sorted(CASES.glob("*.yaml")):
        document = yaml.safe_load(file.read_text(encoding="utf-8"))
        for name, case in document["cases"].items():
            files = {**document.get("common", {}), **case["files"]}
            found.append(pytest.param(files, case, id=f"{file.stem}: {name}"))
    return found


def written(root: Path, files: dict[str, Any]) -> None:
    for name, text in files.items():
        if text is not None:
            file = root / name
            file.parent.mkdir(parents=True, exist_ok=True)
            if isinstance(text, dict):
                file.symlink_to(text["link"])
                continue
            file.write_bytes(text if isinstance(text, bytes) else text.encode())


@pytest.mark.parametrize(("files", "case"), cases())
def test_everything_that_is_wrong_is_found_and_nothing_else(
    files: dict[str, Any], case: dict[str, Any], tmp_path: Path, check: Check
) -> None:
    written(tmp_path, files)
    found = [
        f"{each.severity} {each.rule} {each.file.relative_to(tmp_path)}:{each.line} "
        f"{each.message} [{', '.join(each.overlays)}]"
        for each in check(tmp_path, *case.get("rules", RULES))
    ]
    if "skipped" in case:
        skipped = check.context.skipped
        assert skipped.keys() == case["skipped"].keys()
        assert all(is_told(why, skipped[what]) for what, why in case["skipped"].items()), skipped
    wanted = case.get("found") or []
    missing = [w for w in wanted if not any(is_told(w, each) for each in found)]
    extra = [each for each in found if not any(is_told(w, each) for w in wanted)]
    assert not missing, found
    assert not extra


def is_told(wanted: str, told: str) -> bool:
    """Compare with a finding; `...` stands for anything."""
    pattern = ".*".join(re.escape(part.strip()) for part in wanted.split("..."))
    return bool(re.match(pattern, told))
