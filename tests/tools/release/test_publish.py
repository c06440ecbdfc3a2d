"""What is pushed is what was packed, and what is noted is the digest that the registry has."""

import json
import stat
import sys
from collections.abc import Callable
from pathlib import Path

import pytest

from tools.command import ToolError
from tools.release import publish

DIGEST = f"sha256:{64 * 'a'}"
PROGRAM = """#!{python} -IS
import json, sys
json.dump(sys.argv[1:], open({folder!r} + "/called", "w"))
print({out!r})
print({err!r}, file=sys.stderr)
sys.exit({status})
"""
Make = Callable[..., None]


@pytest.fixture
def program(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Make:
    """Have a helm and an oras that note how they were called and say what they are told to."""
    (tmp_path / "packed").mkdir()

    def make(out: str = "", err: str = "", status: int = 0) -> None:
        path = tmp_path / "program"
        text = PROGRAM.format(
            python=sys.executable, folder=str(tmp_path), out=out, err=err, status=status
        )
        path.write_text(text, encoding="utf-8")
        path.chmod(path.stat().st_mode | stat.S_IXUSR)
        for name in ("HELM", "ORAS"):
            monkeypatch.setattr(publish, name, path)

    monkeypatch.setattr(publish, "BUILD", tmp_path)
    return make


def run(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, *argv: str) -> list[str]:
    given = ["publish", *argv, "--registry", "registry.example.com/acme/", "--version", "1.2.3"]
    monkeypatch.setattr("sys.argv", given)
    publish.main()
    called: list[str] = json.loads((tmp_path / "called").read_text(encoding="utf-8"))
    return called


def test_the_digest_of_a_chart_is_the_one_that_helm_tells(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, program: Make
) -> None:
    program(err=f"Pushed: registry.example.com/acme/charts/slipway:1.2.3\nDigest: {DIGEST}")
    archive = tmp_path / "packed/slipway-1.2.3.tgz"
    archive.touch()

    assert run(tmp_path, monkeypatch, "chart", "--plain-http") == [
        *("push", "--plain-http", str(archive), "oci://registry.example.com/acme/charts")
    ]
    assert (tmp_path / "charts.digest").read_text(encoding="utf-8") == f"{DIGEST}\n"


def test_the_manifests_are_pushed_as_the_controllers_take_them(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, program: Make
) -> None:
    program(out=DIGEST)
    (tmp_path / "packed/manifests.tar.gz").touch()
    called = run(tmp_path, monkeypatch, "manifests")

    assert called[-2:] == [
        "registry.example.com/acme/manifests/slipway:1.2.3",
        "manifests.tar.gz:application/vnd.oci.image.layer.v1.tar+gzip",
    ]
    assert "config.json:application/vnd.cncf.flux.config.v1+json" in called
    assert [each.partition("=")[0] for each in called if each.startswith("org.")] == [
        *("org.opencontainers.image.created", "org.opencontainers.image.revision")
    ]
    assert "--plain-http" not in called
    assert (tmp_path / "manifests.digest").read_text(encoding="utf-8") == f"{DIGEST}\n"


@pytest.mark.parametrize(("what", "name"), [("chart", "helm"), ("manifests", "oras")])
@pytest.mark.parametrize(("err", "status"), [("denied", 1), ("nothing was pushed", 0)])
def test_a_push_without_a_digest_fails_and_leaves_none(
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    program: Make,
    what: str,
    name: str,
    err: str,
    status: int,
) -> None:
    program(err=err, status=status)
    for file in ("slipway-1.2.3.tgz", "manifests.tar.gz"):
        (tmp_path / "packed" / file).touch()
    for file in ("charts.digest", "manifests.digest"):
        (tmp_path / file).write_text(DIGEST, encoding="utf-8")

    with pytest.raises(ToolError, match=f"{name} push to .*: {err}"):
        run(tmp_path, monkeypatch, what)
    assert len(list(tmp_path.glob("*.digest"))) == 1, "that of the other one"


@pytest.mark.parametrize("what", ["chart", "manifests"])
def test_what_was_not_packed_is_asked_for(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, program: Make, what: str
) -> None:
    program()
    with pytest.raises(ToolError, match="pack them first: make pack"):
        run(tmp_path, monkeypatch, what)
