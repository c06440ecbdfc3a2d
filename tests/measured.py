"""What the tests on a cluster measured: printed when they are over, and kept."""

import pytest

from tools.command import ROOT

MEASURED = pytest.StashKey[list[str]]()


@pytest.fixture(scope="session")
def report(pytestconfig: pytest.Config) -> list[str]:
    """Return the lines that `tell` prints when the tests are over."""
    return pytestconfig.stash.setdefault(MEASURED, [])


def tell(terminal: pytest.TerminalReporter, config: pytest.Config, name: str) -> None:
    """Print what was measured, if anything, and keep it in that file of .build."""
    lines = config.stash.get(MEASURED, [])
    for line in lines:
        terminal.write_line(line)
    if lines:
        folder = ROOT / ".build"
        folder.mkdir(exist_ok=True)
        (folder / name).write_text("\n".join(lines) + "\n", encoding="utf-8")
