"""What every pod of the rendered overlays promises."""

import re

import pytest

from tools import overlay
from tools.command import ROOT

Pods = dict[str, overlay.Object]
MIB = {"Mi": 1, "Gi": 1024}


def containers(pods: Pods) -> list[overlay.Object]:
    return [
        container
        for pod in pods.values()
        for container in pod["spec"].get("initContainers", []) + pod["spec"]["containers"]
    ]


def millicores(quantity: str) -> int:
    return int(quantity[:-1]) if quantity.endswith("m") else int(quantity) * 1000


def mebibytes(quantity: str) -> int:
    return int(quantity[:-2]) * MIB[quantity[-2:]]


@pytest.fixture
def api(pods: Pods) -> overlay.Object:
    container: overlay.Object = pods["slipway"]["spec"]["containers"][0]
    return container


@pytest.fixture
def migrate(pods: Pods) -> overlay.Object:
    container: overlay.Object = pods["slipway"]["spec"]["initContainers"][0]
    return container


def test_pods_run_as_a_user_and_group_that_are_not_root(pods: Pods) -> None:
    for name, pod in pods.items():
        security = pod["spec"]["securityContext"]
        user = {"slipway": 10001, "postgres": 999}[name]
        assert security["runAsNonRoot"] is True
        assert {security[key] for key in ("runAsUser", "runAsGroup", "fsGroup")} == {user}
        assert security["seccompProfile"] == {"type": "RuntimeDefault"}


def test_every_container_is_confined(pods: Pods) -> None:
    for container in containers(pods):
        assert container["securityContext"] == {
            "allowPrivilegeEscalation": False,
            "readOnlyRootFilesystem": True,
            "capabilities": {"drop": ["ALL"]},
        }, container["name"]


def test_pods_get_no_token_and_no_variables_made_from_services(pods: Pods) -> None:
    for pod in pods.values():
        assert pod["spec"]["automountServiceAccountToken"] is False
        # SLIPWAY_PORT, which the Service slipway would cause, looks like a setting.
        assert pod["spec"]["enableServiceLinks"] is False


def test_every_container_has_requests_within_limits(pods: Pods) -> None:
    for container in containers(pods):
        requests, limits = (container["resources"][each] for each in ("requests", "limits"))
        assert 0 < millicores(requests["cpu"]) <= millicores(limits["cpu"]), container["name"]
        for what in ("memory", "ephemeral-storage"):
            assert 0 < mebibytes(requests[what]) <= mebibytes(limits[what]), container["name"]


def test_what_is_writable_in_a_pod_is_bounded(pods: Pods) -> None:
    for pod in pods.values():
        for volume in pod["spec"]["volumes"]:
            assert set(volume) <= {"name", "secret", "emptyDir"}
            assert "sizeLimit" in volume.get("emptyDir", {"sizeLimit": None}), volume["name"]


def test_the_password_is_a_file_and_never_a_variable(pods: Pods) -> None:
    for container in containers(pods):
        mounts = {each["name"]: each for each in container["volumeMounts"]}
        assert mounts["database-password"]["mountPath"] == "/run/secrets/slipway"
        assert mounts["database-password"]["readOnly"] is True
        variables = {each["name"]: each for each in container["env"]}
        named = [name for name in variables if "PASSWORD" in name]
        assert len(named) == 1
        assert named[0].endswith("_FILE")
        assert variables[named[0]]["value"] == "/run/secrets/slipway/password"
        assert not any("valueFrom" in each for each in variables.values())
    for name, pod in pods.items():
        secrets = [v["secret"] for v in pod["spec"]["volumes"] if "secret" in v]
        assert {"secretName": "slipway-database"} in secrets, "no pod starts without it"
        assert len(secrets) == {"slipway": 2, "postgres": 1}[name]


def test_the_admin_token_is_a_file_of_the_api_alone_and_may_be_missing(
    pods: Pods, api: overlay.Object
) -> None:
    volumes = {each["name"]: each for each in pods["slipway"]["spec"]["volumes"]}
    secret = {"secretName": "slipway-admin", "optional": True}
    assert volumes["admin-token"]["secret"] == secret
    mounts = {each["name"]: each for each in api["volumeMounts"]}
    assert mounts["admin-token"]["readOnly"] is True
    variables = {each["name"]: each["value"] for each in api["env"]}
    path = mounts["admin-token"]["mountPath"] + "/token"
    assert variables["SLIPWAY_ADMIN_TOKEN_FILE"] == path
    assert str(containers(pods)).count("'admin-token'") == 1


def test_the_api_reads_the_generated_configmap(
    among: list[overlay.Object], api: overlay.Object, migrate: overlay.Object
) -> None:
    """The name ends in a hash of the content: a changed value rolls the pods."""
    name = overlay.find(among, "ConfigMap")["metadata"]["name"]
    assert re.fullmatch(r"slipway-[a-z0-9]{10}", name)
    for container in (api, migrate):
        assert container["envFrom"] == [{"configMapRef": {"name": name}}]


def test_the_schema_is_migrated_before_the_api_starts(migrate: overlay.Object) -> None:
    assert migrate["args"][:3] == ["flask", "ledger", "migrate"]


def test_only_readiness_depends_on_the_database(api: overlay.Object) -> None:
    paths = {
        probe: api[f"{probe}Probe"]["httpGet"] for probe in ("startup", "liveness", "readiness")
    }
    assert paths == {
        "startup": {"path": "/healthz", "port": "http"},
        "liveness": {"path": "/healthz", "port": "http"},
        "readiness": {"path": "/readyz", "port": "http"},
    }
    assert api["readinessProbe"]["timeoutSeconds"] == 2, "/readyz may take 1 s"
    assert api["ports"] == [{"name": "http", "containerPort": 8888}]


def test_a_pod_is_given_the_time_to_stop_gracefully(pods: Pods, api: overlay.Object) -> None:
    before = api["lifecycle"]["preStop"]["sleep"]["seconds"]
    settings = (ROOT / "gunicorn.conf.py").read_text(encoding="utf-8")
    match = re.search(r"^graceful_timeout = (\d+)", settings, re.MULTILINE)
    assert match, "gunicorn.conf.py says how long requests may still take"
    assert before >= 5
    assert pods["slipway"]["spec"]["terminationGracePeriodSeconds"] > before + int(match[1])


def test_a_rollout_never_has_fewer_pods_and_a_bad_one_is_told_within_two_minutes(
    among: list[overlay.Object], migrate: overlay.Object
) -> None:
    spec = overlay.find(among, "Deployment")["spec"]
    assert spec["strategy"] == {
        "type": "RollingUpdate",
        "rollingUpdate": {"maxUnavailable": 0, "maxSurge": 1},
    }
    wait = int(migrate["args"][migrate["args"].index("--wait") + 1])
    assert wait < spec["progressDeadlineSeconds"] < 120, "the migration must tell why before that"
    assert spec["revisionHistoryLimit"] <= 5


def test_each_revision_is_spread_over_nodes_and_zones(pods: Pods) -> None:
    pod = pods["slipway"]
    constraints = pod["spec"]["topologySpreadConstraints"]
    assert {each["topologyKey"] for each in constraints} == {
        "kubernetes.io/hostname",
        "topology.kubernetes.io/zone",
    }
    for each in constraints:
        assert each["whenUnsatisfiable"] == "ScheduleAnyway"
        assert each["matchLabelKeys"] == ["pod-template-hash"]
        labels = each["labelSelector"]["matchLabels"]
        assert labels.items() <= pod["metadata"]["labels"].items()


def test_the_database_keeps_its_data_in_a_folder_of_its_volume(pods: Pods) -> None:
    for name, pod in pods.items():
        if name == "postgres":
            container = pod["spec"]["containers"][0]
            folder = next(each["value"] for each in container["env"] if each["name"] == "PGDATA")
            mounts = {each["name"]: each["mountPath"] for each in container["volumeMounts"]}
            assert folder.startswith(mounts["data"] + "/")
