"""What the rendered overlays hold, whichever the environment."""

import re

import pytest
import yaml

from api import settings
from tests.k8s.conftest import ENVIRONMENTS
from tools import overlay, project
from tools.command import ROOT

SETTINGS = {
    "SLIPWAY_DATABASE_HOST",
    "SLIPWAY_DATABASE_PORT",
    "SLIPWAY_DATABASE_NAME",
    "SLIPWAY_DATABASE_USER",
    "SLIPWAY_DATABASE_SSLMODE",
    "SLIPWAY_PUBLIC_READ",
    "SLIPWAY_RATE_LIMIT",
    "SLIPWAY_AUTH_FAILURE_LIMIT",
    "SLIPWAY_TRUSTED_PROXIES",
    "SLIPWAY_LOG_LEVEL",
    "SLIPWAY_THREADS",
}
HOSTS = project.hosts()
SIZES = {"dev": (1, 1), "staging": (2, 4), "prod": (3, 12)}
Objects = list[overlay.Object]


def test_there_are_three_overlays() -> None:
    assert overlay.environments() == sorted(ENVIRONMENTS)


def test_every_object_is_in_the_namespace_of_its_environment(env: str, among: Objects) -> None:
    for each in among:
        if each["kind"] == "Namespace":
            assert each["metadata"]["name"] == f"slipway-{env}"
        else:  # kustomize writes it into an admission policy, too, where API servers ignore it
            assert each["metadata"]["namespace"] == f"slipway-{env}"
        assert each["metadata"]["labels"]["env"] == env


def test_the_namespace_enforces_the_restricted_pod_security_standard(
    env: str, among: Objects
) -> None:
    labels = overlay.find(among, "Namespace", f"slipway-{env}")["metadata"]["labels"]
    for mode in ("enforce", "warn", "audit"):
        assert labels[f"pod-security.kubernetes.io/{mode}"] == "restricted"
        assert labels[f"pod-security.kubernetes.io/{mode}-version"] == "latest"


def test_no_secret_is_rendered(among: Objects) -> None:
    assert "Secret" not in {each["kind"] for each in among}


def test_the_configmap_holds_the_settings_and_nothing_else(among: Objects) -> None:
    data = overlay.find(among, "ConfigMap")["data"]
    assert set(data) == SETTINGS
    assert all(isinstance(value, str) and value for value in data.values())
    assert not data["SLIPWAY_DATABASE_HOST"].endswith(".invalid"), "the overlay must say where"
    assert data["SLIPWAY_LOG_LEVEL"] in ("debug", "info", "warning")


def test_the_service_accepts_the_settings_of_the_configmap(among: Objects) -> None:
    data = overlay.find(among, "ConfigMap")["data"]
    given = {name.removeprefix(settings.PREFIX): value for name, value in data.items()}
    assert not settings.load(given).embedded


def test_the_password_of_a_managed_database_is_not_sent_in_the_clear(
    env: str, among: Objects
) -> None:
    data = overlay.find(among, "ConfigMap")["data"]
    assert data["SLIPWAY_DATABASE_SSLMODE"] == ("prefer" if env == "dev" else "require")


def test_only_dev_is_read_by_everybody(env: str, among: Objects) -> None:
    data = overlay.find(among, "ConfigMap")["data"]
    assert data["SLIPWAY_PUBLIC_READ"] == ("true" if env == "dev" else "false")


def test_the_ingress_alone_is_believed_whose_request_it_forwards(among: Objects) -> None:
    assert overlay.find(among, "ConfigMap")["data"]["SLIPWAY_TRUSTED_PROXIES"] == "1"


def test_a_label_of_the_environment_is_not_on_what_cannot_change(among: Objects) -> None:
    """A label added to the overlay later would be refused on a volume claim that exists."""
    for each in among:
        for claim in each.get("spec", {}).get("volumeClaimTemplates", []):
            assert "env" not in claim["metadata"].get("labels", {})
        if each["kind"] in ("Deployment", "StatefulSet"):
            assert each["spec"]["template"]["metadata"]["labels"]["env"]
            assert "env" not in each["spec"]["selector"]["matchLabels"]


def test_the_ingress_serves_the_host_of_the_environment(env: str, among: Objects) -> None:
    ingress = overlay.find(among, "Ingress")["spec"]
    assert [rule["host"] for rule in ingress["rules"]] == [HOSTS[env]]
    backend = ingress["rules"][0]["http"]["paths"][0]["backend"]["service"]
    service = overlay.find(among, "Service", backend["name"])
    assert backend["port"]["name"] in [port["name"] for port in service["spec"]["ports"]]


def test_staging_and_prod_are_served_with_tls(env: str, among: Objects) -> None:
    tls = overlay.find(among, "Ingress")["spec"].get("tls", [])
    assert [entry["hosts"] for entry in tls] == ([] if env == "dev" else [[HOSTS[env]]])


def test_requests_stay_in_their_zone_where_there_are_zones(env: str, among: Objects) -> None:
    """All four minors know the name: its older one, PreferClose, is deprecated since 1.34."""
    wanted = None if env == "dev" else "PreferSameZone"
    assert overlay.find(among, "Service")["spec"].get("trafficDistribution") == wanted


def test_the_autoscaler_has_the_sizes_of_the_environment(env: str, among: Objects) -> None:
    spec = overlay.find(among, "HorizontalPodAutoscaler")["spec"]
    assert (spec["minReplicas"], spec["maxReplicas"]) == SIZES[env]


def test_the_autoscaler_alone_decides_how_many_pods(among: Objects) -> None:
    deployment = overlay.find(among, "Deployment")
    target = overlay.find(among, "HorizontalPodAutoscaler")["spec"]["scaleTargetRef"]
    assert target == {
        "apiVersion": deployment["apiVersion"],
        "kind": "Deployment",
        "name": deployment["metadata"]["name"],
    }
    assert "replicas" not in deployment["spec"]


def test_the_autoscaler_goes_up_fast_and_down_slowly(among: Objects) -> None:
    behavior = overlay.find(among, "HorizontalPodAutoscaler")["spec"]["behavior"]
    assert behavior["scaleUp"]["stabilizationWindowSeconds"] == 0
    assert behavior["scaleDown"]["stabilizationWindowSeconds"] >= 300


def test_every_selector_selects_the_pods_of_one_workload(
    among: Objects, pods: dict[str, overlay.Object]
) -> None:
    selectors = {
        f"{each['kind']} {each['metadata']['name']}": (
            each["spec"]["selector"].get("matchLabels") or each["spec"]["selector"]
        )
        for each in among
        if each["kind"] in ("Deployment", "StatefulSet", "Service")
    }
    assert len(selectors) >= 2
    for who, wanted in selectors.items():
        selected = [
            name
            for name, pod in pods.items()
            if wanted.items() <= pod["metadata"]["labels"].items()
        ]
        assert selected == [who.split()[1]], who


def test_selectors_are_the_same_everywhere_and_hold_no_label_of_an_overlay(
    among: Objects,
) -> None:
    """Selectors are immutable: a label that an environment adds must not reach them."""
    wanted = {"app.kubernetes.io/name": "slipway", "app.kubernetes.io/component": "api"}
    assert overlay.find(among, "Deployment")["spec"]["selector"] == {"matchLabels": wanted}
    assert overlay.find(among, "Service")["spec"]["selector"] == wanted


def test_services_lead_to_a_port_that_the_pods_name(
    among: Objects, pods: dict[str, overlay.Object]
) -> None:
    for service in [each for each in among if each["kind"] == "Service"]:
        container = pods[service["metadata"]["name"]]["spec"]["containers"][0]
        for port in service["spec"]["ports"]:
            assert port["targetPort"] in [named["name"] for named in container["ports"]]


def test_the_database_component_creates_the_database_that_the_api_asks_for() -> None:
    among = overlay.rendered("dev")
    settings = overlay.find(among, "ConfigMap")["data"]
    pod = overlay.find(among, "StatefulSet", "postgres")["spec"]["template"]["spec"]
    env = {each["name"]: each["value"] for each in pod["containers"][0]["env"]}
    assert env["POSTGRES_DB"] == settings["SLIPWAY_DATABASE_NAME"]
    assert env["POSTGRES_USER"] == settings["SLIPWAY_DATABASE_USER"]
    service = overlay.find(among, "Service", settings["SLIPWAY_DATABASE_HOST"])
    assert str(service["spec"]["ports"][0]["port"]) == settings["SLIPWAY_DATABASE_PORT"]


@pytest.mark.parametrize("env", ["staging", "prod"])
def test_staging_and_prod_bring_no_database(env: str) -> None:
    assert "StatefulSet" not in {each["kind"] for each in overlay.rendered(env)}


def test_release_holds_the_image_and_nothing_else(env: str) -> None:
    folder = ROOT / overlay.OVERLAYS / env / "release"
    assert [path.name for path in folder.iterdir()] == ["kustomization.yaml"]
    release = yaml.safe_load((folder / "kustomization.yaml").read_text(encoding="utf-8"))
    assert set(release) == {"apiVersion", "kind", "images"}
    assert release["kind"] == "Component"
    assert set(release["images"][0]) <= {"name", "newName", "newTag", "digest"}
    assert len(release["images"]) == 1


def test_every_container_of_the_api_runs_the_released_image(
    env: str, pods: dict[str, overlay.Object]
) -> None:
    """The init container migrates to the schema of the very version that then serves."""
    pod = pods["slipway"]["spec"]
    images = {each["image"] for each in pod["initContainers"] + pod["containers"]}
    assert len(images) == 1
    pinned = "" if env == "dev" else "@sha256:[0-9a-f]{64}"
    name = re.escape(f"ghcr.io/{project.owner()}/{project.NAME}")
    assert re.fullmatch(rf"{name}:[0-9][^:@]*{pinned}", images.pop())
