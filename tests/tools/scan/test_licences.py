from importlib.metadata import Distribution, distributions
from pathlib import Path

import pytest

from tools.command import ToolError
from tools.scan import licences

MIT = "Classifier: License :: OSI Approved :: MIT License"
GPL = "Classifier: License :: OSI Approved :: GNU General Public License v3 (GPLv3)"


def package(folder: Path, *lines: str) -> Distribution:
    file = folder / "careless-1.dist-info" / "METADATA"
    file.parent.mkdir(parents=True)
    text = "\n".join(["Metadata-Version: 2.4", "Name: careless", "Version: 1", *lines, ""])
    file.write_text(text, encoding="utf-8")
    return next(iter(distributions(path=[str(folder)])))


@pytest.mark.parametrize(
    "line",
    [
        "License-Expression: MIT",
        "License-Expression: Apache-2.0 AND BSD-2-Clause",
        "License-Expression: GPL-3.0-only OR MIT",
        MIT,
        "License: MIT",
    ],
)
def test_what_may_be_shipped_passes(tmp_path: Path, line: str) -> None:
    assert licences.faults([package(tmp_path, line)]) == []


@pytest.mark.parametrize(
    ("line", "said"),
    [
        ("License-Expression: AGPL-3.0-only", "AGPL-3.0-only"),
        ("License-Expression: MIT AND GPL-3.0-only", "MIT AND GPL-3.0-only"),
        ("License-Expression: (MIT)", "(MIT)"),
        ("License: as you like", "as you like"),
        (GPL, "none"),
        ("Summary: says nothing", "none"),
    ],
)
def test_anything_else_is_named(tmp_path: Path, line: str, said: str) -> None:
    assert licences.faults([package(tmp_path, line)]) == [f"careless is licensed {said}"]


def test_every_package_of_the_image_is_looked_at() -> None:
    assert licences.check().endswith("packages of the image, each allowed")


def test_a_package_that_may_not_be_shipped_fails(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(licences, "ALLOWED", licences.ALLOWED - {"LGPL-3.0-only"})
    with pytest.raises(ToolError, match=r"psycopg is licensed LGPL-3\.0-only"):
        licences.check()


def test_a_check_that_lets_everything_pass_is_not_believed(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(licences, "is_allowed", lambda _: True)
    with pytest.raises(ToolError, match="the test package is accepted"):
        licences.check()
