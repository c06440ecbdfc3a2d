import shutil
from pathlib import Path

import pytest

from tools.chart.__main__ import lint
from tools.command import ToolError


def test_the_chart_and_the_values_of_each_environment_are_linted(
    chart: Path, tmp_path: Path
) -> None:
    lint(chart)
    copy = tmp_path / "slipway"
    shutil.copytree(chart, copy)
    with (copy / "values-staging.yaml").open("a", encoding="utf-8") as file:
        file.write("unknownValue: 1\n")

    with pytest.raises(ToolError, match=r"helm lint with values-staging\.yaml: "):
        lint(copy)
