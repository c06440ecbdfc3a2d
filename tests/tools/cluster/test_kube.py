import json
import subprocess
from collections.abc import Callable

import pytest

from tests.tools.conftest import FakeKubectl
from tools.cluster import deploy, probe, secret
from tools.cluster.kube import Kube, connect, explain
from tools.cluster.kube import main as check
from tools.command import ROOT, ToolError, exit_with

POD = {
    "metadata": {"name": "slipway-1"},
    "status": {
        "conditions": [{"type": "Ready", "status": "False"}],
        "initContainerStatuses": [
            {"name": "migrate", "restartCount": 2, "state": {"waiting": {}}},
        ],
        "containerStatuses": [{"name": "api", "restartCount": 0, "state": {"waiting": {}}}],
    },
}


def test_the_current_context_is_printed_and_kept(
    kubectl: FakeKubectl, capsys: pytest.CaptureFixture[str]
) -> None:
    kube = connect()
    assert capsys.readouterr().out == "context: laptop\n"
    kubectl.answer("config current-context", "another\n")
    kube.run("version")
    assert kubectl.calls[-1]["argv"] == ["--context", "laptop", "version"]


@pytest.mark.parametrize("name", ["prod", "eks-PROD-1", "my-Production"])
def test_a_production_context_needs_confirmation(
    kubectl: FakeKubectl,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
    name: str,
) -> None:
    kubectl.answer("config current-context", f"{name}\n")
    with pytest.raises(ToolError, match="CONFIRM=yes"):
        connect()
    assert capsys.readouterr().out == f"context: {name}\n", "said even when refused"
    monkeypatch.setenv("CONFIRM", "yes")
    assert connect() == Kube(name)


@pytest.mark.parametrize(
    "main", [deploy.main, probe.main, secret.main], ids=["deploy", "probe", "secret"]
)
def test_no_tool_touches_a_production_context_unasked(
    kubectl: FakeKubectl, monkeypatch: pytest.MonkeyPatch, main: Callable[[], None]
) -> None:
    kubectl.answer("config current-context", "prod\n")
    monkeypatch.setattr("sys.argv", ["tool", "--env", "dev"])
    with pytest.raises(ToolError, match="CONFIRM=yes"):
        main()
    assert [call["argv"] for call in kubectl.calls] == [["config", "current-context"]]


def test_no_current_context_is_explained(kubectl: FakeKubectl) -> None:
    kubectl.answer("config current-context", err="error: current-context is not set", status=1)
    with pytest.raises(ToolError, match="no kube context is current: `make cluster`"):
        connect()


def test_a_machine_without_kubectl_is_told_so_in_one_line(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setenv("PATH", "/nonexistent")
    monkeypatch.setattr("sys.argv", ["deploy", "--env", "dev"])
    with pytest.raises(SystemExit) as exit_:
        exit_with(deploy.main)
    assert exit_.value.code == 1
    said = capsys.readouterr().err
    assert said.startswith("error: kubectl is not installed: install kubectl")
    assert len(said.splitlines()) == 1


def test_a_failing_call_says_what_kubectl_said(kubectl: FakeKubectl) -> None:
    kubectl.answer("get", err="error: the server is away\n", status=1)
    with pytest.raises(ToolError, match=r"^kubectl get: the server is away$"):
        connect().get("pods")


def test_a_failure_is_explained_by_events_descriptions_and_the_logs_there_are(
    kubectl: FakeKubectl, capfd: pytest.CaptureFixture[str]
) -> None:
    kubectl.answer("get --output json pods", json.dumps({"items": [POD]}))
    kubectl.answer("get events", "Back-off restarting failed container\n")
    kubectl.answer("logs", "the database refused the password\n")
    explain(Kube("laptop"), "slipway-dev")
    said = capfd.readouterr().out
    assert "Back-off restarting failed container" in said
    assert "the database refused the password" in said
    assert kubectl.called("describe pod slipway-1")
    logs = [" ".join(call["argv"]) for call in kubectl.called("logs slipway-1")]
    assert ["--previous" in each for each in logs] == [True, False], "of the crashed container"
    assert all("--container migrate" in each for each in logs), "api has not started"


def test_explaining_never_fails_itself(
    kubectl: FakeKubectl, capsys: pytest.CaptureFixture[str]
) -> None:
    kubectl.answer("get", err="connection refused", status=1)
    explain(Kube("laptop"), "slipway-dev")
    assert "connection refused" in capsys.readouterr().out


def test_a_cluster_that_does_not_answer_is_told_before_anything_is_built(
    kubectl: FakeKubectl,
) -> None:
    kubectl.answer("version", err="Unable to connect to the server\n", status=1)
    with pytest.raises(ToolError, match="kubectl version: Unable to connect to the server"):
        check()
    done = subprocess.run(
        ["make", "--dry-run", "deploy"], cwd=ROOT, capture_output=True, text=True, check=True
    )
    assert done.stdout.index("-m tools.cluster.kube") < done.stdout.index("docker build")
