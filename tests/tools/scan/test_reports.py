"""What the scans of a workflow call, with programs that only note how."""

from pathlib import Path

import pytest

from tests.tools.conftest import FakeProgram, fake
from tools import overlay
from tools.command import ToolError
from tools.scan import cluster, image, kubescape, overlays
from tools.scan import trivy as scanner

RULES = ("--controls-version", "v2.0.38")
DIGEST = "sha256:" + 64 * "a"
NEW = "sha256:" + 64 * "0"


@pytest.fixture
def trivy(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> FakeProgram:
    monkeypatch.delenv("TRIVY", raising=False)
    monkeypatch.setattr(scanner, "BUILD", tmp_path)
    monkeypatch.setattr(image, "ARCHIVE", tmp_path / "image.tar")
    return fake("trivy", tmp_path, monkeypatch)


def test_an_image_is_scanned_once_and_the_result_is_converted_twice(
    trivy: FakeProgram, tmp_path: Path
) -> None:
    image.main()

    found, sarif = str(tmp_path / "image.json"), str(tmp_path / "image.sarif")
    scan, converted, table = (call["argv"] for call in trivy.calls)
    assert (scan[0], scan[-2:]) == ("image", ["--output", found])
    assert {"--ignore-unfixed", "HIGH,CRITICAL", str(tmp_path / "image.tar")} <= {*scan}
    assert converted == ["convert", "--quiet", "--format", "sarif", "--output", sarif, found]
    assert table == ["convert", "--quiet", "--format", "table", "--exit-code", "1", found]


def test_a_finding_fails(trivy: FakeProgram) -> None:
    trivy.answer("--exit-code 1", status=1)
    with pytest.raises(ToolError, match="trivy convert ended with exit status 1"):
        image.main()


def test_a_scanner_that_is_not_installed_is_named_with_how_to_get_it(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    monkeypatch.setenv("PATH", str(tmp_path))
    monkeypatch.delenv("TRIVY", raising=False)
    with pytest.raises(ToolError, match=r"^trivy is not installed: make downloads NAMES=trivy$"):
        image.main()


@pytest.mark.parametrize(
    ("rendered", "expected"),
    [
        ([f"image: x/y:1@{DIGEST}\n"], [f"x/y:1@{DIGEST}"]),
        ([f"image: x/y@{DIGEST}\n", f"image: x/y@{DIGEST}\n"], [f"x/y@{DIGEST}"]),
        ([f"image: x/y:0@{NEW}\n"], []),
        (["image: x/y:1\n"], []),
    ],
    ids=["pinned", "twice", "without a release", "by tag"],
)
def test_the_images_that_are_pinned_by_the_digest_of_a_release(
    rendered: list[str], expected: list[str]
) -> None:
    assert overlays.pinned(rendered) == expected


def test_each_overlay_needs_every_control_and_the_first_that_lacks_one_fails(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    files = [tmp_path / "dev.yaml", tmp_path / "prod.yaml"]
    monkeypatch.setattr(overlay, "write", lambda _: files)
    program = fake("kubescape", tmp_path, monkeypatch)
    monkeypatch.setattr("sys.argv", ["kubescape", *RULES])
    kubescape.main()

    assert [call["argv"][-1] for call in program.calls] == list(map(str, files))
    assert len(program.called("--controls-version=v2.0.38 --compliance-threshold=100")) == 2
    program.answer("dev.yaml", status=1)
    with pytest.raises(ToolError, match="kubescape scan ended with exit status 1"):
        kubescape.main()
    assert len(program.calls) == 3


def test_a_cluster_needs_fewer_controls(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    program = fake("kubescape", tmp_path, monkeypatch)
    monkeypatch.setattr("sys.argv", ["cluster", *RULES])
    cluster.main()

    assert program.called("--compliance-threshold=75 --exclude-namespaces=default,kube-node-lease")
