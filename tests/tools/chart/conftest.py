"""The chart as `make chart` writes it, once for all its tests."""

from pathlib import Path

import pytest

from tools.chart.__main__ import write


@pytest.fixture(scope="session")
def chart(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("chart") / "slipway"
    write(folder, None)
    return folder
