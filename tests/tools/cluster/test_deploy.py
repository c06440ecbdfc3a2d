import hashlib
import json
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest
import yaml

from tests.tools.conftest import FakeKubectl
from tools import overlay, project
from tools.cluster import deploy
from tools.cluster.kube import connect
from tools.cluster.prune import APPLIED
from tools.cluster.revision import BUILD
from tools.command import ROOT, ToolError

DIGEST = "sha256:" + "c0ffee12" * 8
NAME = "localhost:5050/slipway/slipway"
DEPLOYED = {
    "metadata": {"generation": 2, "annotations": {"deployment.kubernetes.io/revision": "2"}},
    "status": {"observedGeneration": 2},
    "spec": {
        "selector": {"matchLabels": {"app": "x"}},
        "template": {"spec": {"containers": [{"image": f"{NAME}@{DIGEST}"}]}},
    },
}
REPLICA_SETS = {
    "items": [
        {
            "metadata": {"annotations": {"deployment.kubernetes.io/revision": revision}},
            "spec": {"selector": {"matchLabels": {"pod-template-hash": f"hash{revision}"}}},
        }
        for revision in ("1", "2")
    ]
}
PODS = {
    "items": [
        {
            "metadata": {"name": "slipway-1"},
            "status": {"conditions": [{"type": "Ready", "status": "True"}]},
        },
        {"metadata": {"name": "slipway-0", "deletionTimestamp": "now"}, "status": {}},
    ]
}


@pytest.fixture
def cluster(kubectl: FakeKubectl) -> FakeKubectl:
    kubectl.answer("get --output json deployment", json.dumps(DEPLOYED))
    kubectl.answer("get --output json pods", json.dumps(PODS))
    kubectl.answer("get --output json replicasets", json.dumps(REPLICA_SETS))
    kubectl.answer("get secret slipway-database", "secret/slipway-database\n")
    kubectl.answer("api-resources", "configmaps\n")
    kubectl.answer("get --output json configmaps", json.dumps({"items": []}))
    kubectl.answer("get --output json replicasets,statefulsets", json.dumps({"items": []}))
    return kubectl


def run(monkeypatch: pytest.MonkeyPatch, *argv: str) -> None:
    monkeypatch.setattr("sys.argv", ["deploy", *argv])
    deploy.main()


def applied(kubectl: FakeKubectl) -> list[overlay.Object]:
    return overlay.objects(kubectl.called("apply --filename -")[-1]["stdin"])


def committed_files() -> dict[Path, str]:
    return {
        path: hashlib.sha256(path.read_bytes()).hexdigest()
        for path in (ROOT / "k8s").rglob("*")
        if path.is_file()
    }


@pytest.fixture
def build(monkeypatch: pytest.MonkeyPatch) -> Iterator[Path]:
    """A folder of this test's own where temporary ones are made; another test deploys as well."""
    (ROOT / BUILD).mkdir(exist_ok=True)
    with tempfile.TemporaryDirectory(dir=ROOT / BUILD, prefix="test-") as folder:
        monkeypatch.setattr(deploy, "BUILD", Path(folder).relative_to(ROOT))
        yield Path(folder)


@pytest.mark.parametrize("env", ["dev", "staging", "prod"])
def test_the_digest_is_applied_and_no_committed_file_is_touched(
    cluster: FakeKubectl, monkeypatch: pytest.MonkeyPatch, build: Path, env: str
) -> None:
    before = committed_files()
    run(monkeypatch, "--env", env, "--image-name", NAME, "--digest", DIGEST, "--tag", "0.1.0-abc")
    pod = overlay.find(applied(cluster), "Deployment")["spec"]["template"]["spec"]
    images = {each["image"] for each in pod["initContainers"] + pod["containers"]}
    assert images == {f"{NAME}:0.1.0-abc@{DIGEST}"}
    assert committed_files() == before
    assert list(build.iterdir()) == [], "the temporary folder is gone"


def test_the_temporary_kustomization_refers_to_the_overlay_by_a_relative_path() -> None:
    """kustomize refuses absolute paths; .build/ is where git ignores what is written."""
    base, folder = ROOT / overlay.OVERLAYS / "dev", ROOT / BUILD / "x"
    wanted = deploy.kustomization(base, folder, overlay.rendered("dev"), {"digest": DIGEST}, [])
    assert wanted["resources"] == ["../../k8s/overlays/dev"]
    name = f"ghcr.io/{project.owner()}/slipway"
    assert wanted["images"] == [{"name": name, "digest": DIGEST}]


def test_without_a_digest_the_overlay_is_applied_as_committed(
    cluster: FakeKubectl, monkeypatch: pytest.MonkeyPatch
) -> None:
    run(monkeypatch, "--env", "dev")
    assert cluster.called("apply --filename -")[-1]["stdin"] == overlay.render(
        overlay.OVERLAYS / "dev"
    )


def test_a_setting_is_changed_for_this_deployment_and_rolls_the_pods(
    cluster: FakeKubectl, monkeypatch: pytest.MonkeyPatch
) -> None:
    run(monkeypatch, "--env", "dev", "--set", "SLIPWAY_LOG_LEVEL=debug")
    settings = overlay.find(applied(cluster), "ConfigMap")
    assert settings["data"]["SLIPWAY_LOG_LEVEL"] == "debug"
    assert settings["data"]["SLIPWAY_THREADS"] == "8"
    usual = overlay.find(overlay.rendered("dev"), "ConfigMap")
    assert settings["metadata"]["name"] != usual["metadata"]["name"]
    assert settings["metadata"]["namespace"] == "slipway-dev"


@pytest.mark.parametrize("value", ["SLIPWAY_LOG_LEVLE=debug", "SLIPWAY_LOG_LEVEL"])
def test_a_setting_that_would_reach_nothing_is_refused(
    cluster: FakeKubectl, monkeypatch: pytest.MonkeyPatch, value: str
) -> None:
    with pytest.raises(ToolError, match=r"one of the keys .*SLIPWAY_LOG_LEVEL"):
        run(monkeypatch, "--env", "dev", "--set", value)
    assert not cluster.called("apply")


def test_the_database_is_ready_before_the_deployment_exists(
    cluster: FakeKubectl, monkeypatch: pytest.MonkeyPatch
) -> None:
    run(monkeypatch, "--env", "dev")
    steps = [
        {each["kind"] for each in overlay.objects(call["stdin"])}
        if "apply" in call["argv"]
        else " ".join(call["argv"][3:5])
        for call in cluster.calls
        if "apply" in call["argv"] or "rollout" in call["argv"]
    ]
    _namespace, database, wait_for_database, everything, wait_for_api = steps
    assert "StatefulSet" in database
    assert "Deployment" not in database
    assert "Deployment" in everything
    assert wait_for_database == "status statefulset/postgres"
    assert wait_for_api == "status deployment/slipway"


def test_every_deployment_is_waited_for_and_the_api_first(cluster: FakeKubectl) -> None:
    another = {"apiVersion": "apps/v1", "kind": "Deployment", "metadata": {"name": "notifier"}}
    manifests = yaml.safe_dump_all([another, *overlay.rendered("staging")])
    deploy.roll_out(connect(), "slipway-staging", manifests, 10)
    waited = [call["argv"][4] for call in cluster.called("rollout status")]
    assert waited == ["deployment/slipway", "deployment/notifier"]


@pytest.mark.usefixtures("cluster")
def test_the_end_says_what_runs(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    run(monkeypatch, "--env", "dev")
    last = capsys.readouterr().out.splitlines()[-1]
    assert last.startswith(f"slipway-dev: {NAME}@{DIGEST}, 1 of 1 pods ready, ")


def test_a_missing_secret_is_made_in_dev(
    cluster: FakeKubectl, monkeypatch: pytest.MonkeyPatch
) -> None:
    cluster.answer("get secret slipway-database", "")
    run(monkeypatch, "--env", "dev")
    assert cluster.called("create --filename -")


def test_a_missing_secret_elsewhere_is_an_error_that_names_the_remedy(
    cluster: FakeKubectl, monkeypatch: pytest.MonkeyPatch
) -> None:
    cluster.answer("get secret slipway-database", "")
    with pytest.raises(ToolError, match="`make secrets ENV=staging`"):
        run(monkeypatch, "--env", "staging", "--digest", DIGEST)
    assert not cluster.called("create")
    assert not cluster.called("apply")


LEFTOVER: overlay.Object = {
    "apiVersion": "v1",
    "kind": "ConfigMap",
    "metadata": {"name": "slipway-old", "annotations": {APPLIED: "{}"}},
}


def test_what_an_earlier_deployment_left_is_removed_when_the_new_one_serves(
    cluster: FakeKubectl, monkeypatch: pytest.MonkeyPatch
) -> None:
    usual = overlay.find(overlay.rendered("dev"), "ConfigMap")["metadata"]["name"]
    current = {**LEFTOVER, "metadata": {**LEFTOVER["metadata"], "name": usual}}
    cluster.answer("get --output json configmaps", json.dumps({"items": [current, LEFTOVER]}))
    run(monkeypatch, "--env", "dev")
    (removal,) = cluster.called("delete --filename -")
    assert json.loads(removal["stdin"])["items"] == [LEFTOVER]
    (waiting,) = cluster.called("rollout status deployment")
    assert cluster.calls.index(removal) > cluster.calls.index(waiting)


def test_a_failed_rollout_removes_nothing(
    cluster: FakeKubectl, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The old pods still serve, and may need all that was there before."""
    cluster.answer("get --output json configmaps", json.dumps({"items": [LEFTOVER]}))
    cluster.answer("rollout status deployment", status=1)
    with pytest.raises(ToolError, match="failed"):
        run(monkeypatch, "--env", "dev")
    assert not cluster.called("delete --filename -")


def test_the_manifests_of_another_revision_are_rolled_out_with_the_image_and_settings_given(
    cluster: FakeKubectl, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    settings = {"name": "slipway", "namespace": "slipway-dev", "literals": ["SLIPWAY_OLD=1"]}
    older = {"resources": ["deployment.yaml"], "configMapGenerator": [settings]}
    deployment = yaml.safe_dump(overlay.find(overlay.rendered("dev"), "Deployment"))
    (tmp_path / "deployment.yaml").write_text(deployment, encoding="utf-8")
    (tmp_path / "kustomization.yaml").write_text(yaml.safe_dump(older), encoding="utf-8")

    @contextmanager
    def overlay_at(revision: str, env: str) -> Iterator[Path]:
        assert (revision, env) == ("v1", "dev")
        yield tmp_path

    monkeypatch.setattr(deploy, "overlay_at", overlay_at)
    options = ("--revision", "v1", "--digest", DIGEST, "--set", "SLIPWAY_OLD=2")
    run(monkeypatch, "--env", "dev", *options)
    assert {each["kind"] for each in applied(cluster)} == {"Deployment", "ConfigMap"}
    assert overlay.find(applied(cluster), "ConfigMap")["data"] == {"SLIPWAY_OLD": "2"}
    pod = overlay.find(applied(cluster), "Deployment")["spec"]["template"]["spec"]
    assert pod["containers"][0]["image"].endswith(DIGEST)


def test_an_unknown_revision_is_refused_before_anything_is_applied(
    cluster: FakeKubectl, monkeypatch: pytest.MonkeyPatch
) -> None:
    with pytest.raises(ToolError, match="no revision 'never'"):
        run(monkeypatch, "--env", "dev", "--revision", "never")
    assert not cluster.called("apply")


def test_a_missing_admin_token_elsewhere_is_said_and_stops_nothing(
    cluster: FakeKubectl, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    run(monkeypatch, "--env", "staging", "--digest", DIGEST)
    said = "secret slipway-admin: missing in slipway-staging; `make secrets ENV=staging` makes it"
    assert said in capsys.readouterr().out
    assert not cluster.called("create")
    assert cluster.called("apply")


def crashed(restarts: int) -> str:
    containers = [{"name": "api", "restartCount": restarts, "ready": False, "state": {}}]
    pod = {"metadata": {"name": "slipway-2"}, "status": {"containerStatuses": containers}}
    return json.dumps({"items": [pod]})


def test_a_rollout_whose_pods_keep_ending_is_given_up(
    cluster: FakeKubectl, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Kubernetes itself would wait for the progress deadline."""
    cluster.answer("rollout status deployment", stay=30)
    cluster.answer("pod-template-hash=hash2", crashed(restarts=3))

    with pytest.raises(ToolError, match="api of pod slipway-2 keeps restarting"):
        run(monkeypatch, "--env", "staging", "--image-name", NAME, "--digest", DIGEST)
    assert cluster.called("describe pod")


def test_a_pod_of_another_revision_may_crash(
    cluster: FakeKubectl, monkeypatch: pytest.MonkeyPatch
) -> None:
    """What is reverted may still be there."""
    cluster.answer("rollout status deployment", stay=2)
    cluster.answer("pod-template-hash=hash1", crashed(restarts=9))

    run(monkeypatch, "--env", "staging", "--image-name", NAME, "--digest", DIGEST)


def test_a_pod_may_end_once_or_twice(cluster: FakeKubectl, monkeypatch: pytest.MonkeyPatch) -> None:
    cluster.answer("rollout status deployment", stay=2)
    cluster.answer("pod-template-hash=hash2", crashed(restarts=2))

    run(monkeypatch, "--env", "staging", "--image-name", NAME, "--digest", DIGEST)


def test_a_failed_rollout_is_explained(
    cluster: FakeKubectl, monkeypatch: pytest.MonkeyPatch, capfd: pytest.CaptureFixture[str]
) -> None:
    cluster.answer("rollout status deployment", status=1)
    cluster.answer("get events", "FailedScheduling: no node has that much memory\n")
    with pytest.raises(ToolError, match="rollout of deployment/slipway in slipway-dev failed"):
        run(monkeypatch, "--env", "dev")
    assert "no node has that much memory" in capfd.readouterr().out


def test_refused_manifests_end_the_deployment(
    cluster: FakeKubectl, monkeypatch: pytest.MonkeyPatch
) -> None:
    cluster.answer("apply --filename -", status=1)
    with pytest.raises(ToolError, match="rejected the manifests"):
        run(monkeypatch, "--env", "prod", "--digest", DIGEST)
    assert not cluster.called("rollout")


def test_an_overlay_without_a_release_is_not_rolled_out(
    cluster: FakeKubectl, monkeypatch: pytest.MonkeyPatch
) -> None:
    released = f"image: {NAME}@{deploy.UNRELEASED}"
    monkeypatch.setattr(deploy, "render", lambda *_: released)
    with pytest.raises(ToolError, match="no release is promoted to staging yet"):
        run(monkeypatch, "--env", "staging")
    assert not cluster.called("apply")


@pytest.mark.parametrize(
    "argv", [["--digest", "latest"], ["--tag", "1"], ["--image-name", "x"], ["--digest", ""]]
)
def test_a_wrong_image_reference_is_a_usage_error(
    cluster: FakeKubectl, monkeypatch: pytest.MonkeyPatch, argv: list[str]
) -> None:
    with pytest.raises(SystemExit) as exit_:
        run(monkeypatch, "--env", "dev", *argv)
    assert exit_.value.code == 2
    assert cluster.calls == []


@pytest.mark.parametrize("image", [NAME, f"{NAME}:1.0", f"{NAME}@{DIGEST}", f"{NAME}:1.0@{DIGEST}"])
def test_the_name_of_an_image_is_found_whatever_follows_it(image: str) -> None:
    deployment = {
        "kind": "Deployment",
        "metadata": {"name": "slipway"},
        "spec": {"template": {"spec": {"containers": [{"image": image}]}}},
    }
    assert overlay.image_name([deployment]) == NAME
