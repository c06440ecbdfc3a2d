"""What git declares beside what the ledger saw and the cluster runs."""

from __future__ import annotations

import json
import shutil
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest
from click.testing import CliRunner, Result

from gitops.cli import cli
from tests.clone import commit, git
from tests.gitops.ledger import Served
from tests.gitops.test_promotion import ONE, TWO, write

DEPLOYMENT = """\
apiVersion: apps/v1
kind: Deployment
metadata: {name: shop}
spec:
  selector: {matchLabels: {app: shop}}
  template:
    metadata: {labels: {app: shop}}
    spec:
      containers:
        - {name: proxy, image: "registry.example/proxy:1"}
        - {name: server, image: registry.example/shop}
"""
OVERLAY = """\
namespace: shop-prod
resources: [../../base]
images: [{{name: registry.example/shop, newTag: "{tag}", digest: "{digest}"}}]
"""
BEFORE = (datetime.now(UTC) - timedelta(hours=1)).isoformat()


@pytest.fixture(scope="module")
def original(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A repository that declares 1.1.0 in prod, now."""
    folder = tmp_path_factory.mktemp("original")
    write(folder / "base/kustomization.yaml", "resources: [deployment.yaml]\n")
    write(folder / "base/deployment.yaml", DEPLOYMENT)
    write(folder / "overlays/prod/kustomization.yaml", OVERLAY.format(tag="1.1.0", digest=ONE))
    git(folder, "init", "--initial-branch", "main")
    commit(folder)
    return folder


@pytest.fixture
def root(original: Path, tmp_path: Path) -> Path:
    """A copy of the repository."""
    return Path(shutil.copytree(original, tmp_path / "repository"))


@pytest.fixture
def cluster(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A kubectl that answers with the file that the test writes, and notes what it was asked."""
    answer = tmp_path / "answer.json"
    program = tmp_path / "bin/kubectl"
    write(program, f'#!/bin/sh\necho "$@" > {tmp_path}/asked\ncat {answer}\n')
    program.chmod(0o755)
    monkeypatch.setenv("PATH", str(program.parent), prepend=":")
    write(answer, "")
    return answer


def runs(answer: Path, image: str, **status: int) -> None:
    containers = [{"name": "proxy", "image": "p:1"}, {"name": "server", "image": image}]
    workload = {
        "kind": "Deployment",
        "metadata": {"generation": 2},
        "spec": {"replicas": 2, "template": {"spec": {"containers": containers}}},
        "status": {"observedGeneration": 2, "updatedReplicas": 2, "readyReplicas": 2, **status},
    }
    answer.write_text(json.dumps(workload))


def status(root: Path, *argv: str) -> Result:
    return CliRunner().invoke(cli, ["status", str(root), *argv])


def state(root: Path, *argv: str) -> tuple[int, str]:
    result = status(root, *argv, "--json")
    (row,) = json.loads(result.output)["images"]
    return result.exit_code, row["state"]


def test_what_the_ledger_saw_is_in_sync_or_drifted(root: Path, ledger: Served) -> None:
    asked = ("--ledger", ledger.url)
    assert state(root, *asked) == (1, "unknown")

    ledger.deployed("prod", "1.1.0", image_digest=ONE)
    assert state(root, *asked) == (0, "in-sync")

    ledger.deployed("prod", "1.1.0-hotfix", image_digest=TWO)
    assert state(root, *asked) == (1, "drifted")


def test_where_no_release_is_declared_yet_nothing_should_run(root: Path, ledger: Served) -> None:
    free = OVERLAY.format(tag="1.1.0", digest=f"sha256:{0:064}")
    write(root / "overlays/prod/kustomization.yaml", free)
    commit(root)
    asked = ("--ledger", ledger.url)
    assert state(root, *asked) == (0, "in-sync")
    assert "nothing   nothing" in status(root, *asked).output

    ledger.deployed("prod", "1.1.0", image_digest=ONE)
    assert state(root, *asked) == (1, "drifted")


def test_what_was_declared_after_the_last_deployment_is_pending(root: Path, ledger: Served) -> None:
    ledger.deployed("prod", "1.0.0", image_digest=TWO, finished_at=BEFORE)

    assert state(root, "--ledger", ledger.url) == (1, "pending")


def test_what_is_being_deployed_is_pending(root: Path, ledger: Served) -> None:
    ledger.deployed("prod", "1.1.0-hotfix", image_digest=TWO)
    ledger.deployed("prod", "1.1.0", image_digest=ONE, status="running")

    assert state(root, "--ledger", ledger.url) == (1, "pending")


@pytest.mark.parametrize(
    ("attempts", "expected"),
    [
        ([("1.0.0", "succeeded", BEFORE), ("1.1.0", "failed", None)], "drifted"),
        ([("1.0.0", "succeeded", BEFORE), ("1.1.0", "cancelled", None)], "drifted"),
        ([("1.0.0", "succeeded", BEFORE), ("1.2.0", "failed", None)], "drifted"),
        ([("1.0.0", "succeeded", BEFORE), ("1.0.0", "failed", BEFORE)], "pending"),
        (
            [("1.0.0", "succeeded", BEFORE), ("1.1.0", "failed", None), ("2", "running", None)],
            "pending",
        ),
        ([("1.1.0", "failed", None)], "unknown"),
        ([("1.1.0", "running", None)], "pending"),
        ([("v1.1.0", "succeeded", None)], "in-sync"),
        ([("v1.1.0", "succeeded", None), ("1.1.0", "failed", None)], "in-sync"),
        ([("v1.1.0", "succeeded", None), ("1.1.0", "running", None)], "pending"),
    ],
)
def test_it_says_what_the_matrix_says(
    root: Path, ledger: Served, attempts: list[tuple[str, str, str | None]], expected: str
) -> None:
    asked = ("--ledger", ledger.url)
    address = "https://git.example.com/acme/gitops"
    declared = CliRunner().invoke(cli, ["declare", str(root), *asked, "--repository", address])
    assert declared.exit_code == 0, declared.output
    for version, status, finished_at in attempts:
        ledger.deployed("prod", version, status=status, finished_at=finished_at)

    (cell,) = ledger.send("GET", "matrix")["cells"]
    assert (cell["state"], state(root, *asked)[1]) == (expected, expected)


@pytest.mark.parametrize(
    ("image", "rollout", "expected"),
    [
        (f"mirror.example/shop:1.1.0@{ONE}", {}, (0, "in-sync")),
        (f"mirror.example/shop@{ONE}", {}, (0, "in-sync")),
        (f"registry.example/shop:1.1.0@{TWO}", {}, (1, "drifted")),
        ("registry.example/shop:1.1.0", {}, (0, "in-sync")),
        ("registry.example/shop:v1.1.0", {}, (0, "in-sync")),
        (f"registry.example/shop@{ONE}", {"updatedReplicas": 1}, (1, "pending")),
        (f"registry.example/shop@{TWO}", {"observedGeneration": 1}, (1, "pending")),
    ],
)
def test_what_the_cluster_runs_is_compared_by_digest(
    root: Path, cluster: Path, image: str, rollout: dict[str, int], expected: tuple[int, str]
) -> None:
    runs(cluster, image, **rollout)

    assert state(root, "--context", "there") == expected
    asked = (cluster.parent / "asked").read_text()
    assert asked.startswith("--context there get Deployment shop ")
    assert "--namespace shop-prod" in asked


def test_a_cluster_without_the_workload_is_unknown(root: Path, cluster: Path) -> None:
    assert cluster.read_text() == ""
    assert state(root, "--context", "there") == (1, "unknown")


def test_the_table_has_what_each_was_asked(root: Path, ledger: Served, cluster: Path) -> None:
    ledger.deployed("prod", "1.1.0", image_digest=ONE)
    runs(cluster, f"registry.example/shop:1.1.0@{TWO}")

    result = status(root, "--ledger", ledger.url, "--context", "there")

    pinned, other = "1.1.0@sha256:111111111111", "1.1.0@sha256:222222222222"
    assert result.output.splitlines()[1].split() == [
        *("prod", "shop", pinned, pinned, other, "drifted")
    ]


def test_somebody_must_be_asked(root: Path) -> None:
    result = status(root)

    assert (result.exit_code, "--context" in result.output) == (2, True)


def test_a_shallow_clone_does_not_know_since_when_a_release_is_declared(
    root: Path, tmp_path: Path
) -> None:
    write(root / "README.md", "")
    commit(root)
    git(tmp_path, "clone", "--depth=1", f"file://{root}", "shallow")

    result = status(tmp_path / "shallow", "--context", "there")

    assert (result.exit_code, "git fetch --unshallow" in result.output) == (2, True)


def test_a_cluster_that_does_not_answer_is_an_error(root: Path, cluster: Path) -> None:
    write(cluster.parent / "bin/kubectl", "#!/bin/sh\necho no such context >&2\nexit 1\n")

    result = status(root, "--context", "there")

    assert (result.exit_code, "no such context" in result.output) == (2, True)


def test_an_overlay_that_does_not_render_is_an_error(root: Path, cluster: Path) -> None:
    assert cluster.exists()
    write(root / "base/kustomization.yaml", "resources: [missing.yaml]\n")

    result = status(root, "--context", "there")

    assert (result.exit_code, "does not render" in result.output) == (2, True)


def test_the_matrix_of_a_ledger_that_was_told_says_the_same(root: Path, ledger: Served) -> None:
    home = "https://git.example.com/acme/gitops"
    argv = ["declare", str(root), "--ledger", ledger.url, "--repository", home]
    assert CliRunner().invoke(cli, argv).exit_code == 0

    def both() -> tuple[str, str]:
        (cell,) = ledger.send("GET", "matrix")["cells"]
        return cell["state"], state(root, "--ledger", ledger.url)[1]

    assert both() == ("unknown", "unknown")
    rollout = ledger.deployed("prod", "1.1.0", image_digest=ONE, status="running")
    assert both() == ("pending", "pending")
    ledger.send("PATCH", f"deployments/{rollout['id']}", status="succeeded")
    assert both() == ("in-sync", "in-sync")
    ledger.deployed("prod", "1.1.0-hotfix", image_digest=TWO)
    assert both() == ("drifted", "drifted")
    ledger.deployed("prod", "1.1.0", image_digest=ONE, status="running")
    assert both() == ("pending", "pending")
