"""The component that keeps a replicated database, enabled as its README says."""

from collections.abc import Mapping
from pathlib import Path

import pytest

from gitops.checks.context import Context
from gitops.checks.run import run
from gitops.config import Config
from gitops.render import Renderer
from gitops.repository import Repository
from tests.k8s.flows import (
    API_SERVER,
    DNS,
    INTERNET,
    METADATA_SERVICE,
    PORT,
    PRIVATE,
    PROMETHEUS,
    TRAEFIK,
)
from tests.k8s.network import End, Flow, Policy
from tests.k8s.readme import Block, blocks, enable, extend
from tests.k8s.tables import Tables
from tools import overlay
from tools.cluster import secret

OVERLAY, CONFIG = blocks("postgres-ha")
ENV, NAMESPACE, NAME = "prod", "slipway-prod", "postgres-ha"
CLUSTER, STATUS, METRICS = {"cnpg.io/cluster": NAME}, 8000, 9187
OPERATOR = {"app.kubernetes.io/name": "cloudnative-pg"}


def repository(folder: Path, *more: Block) -> Path:
    """Return a copy of k8s/ whose prod has its own database."""
    path = enable(ENV, folder, OVERLAY, *more) / "kustomization.yaml"
    text = path.read_text(encoding="utf-8")
    lines = [line for line in text.splitlines() if "SLIPWAY_DATABASE_HOST" not in line]
    path.write_text("\n".join(lines) + "\n", encoding="utf-8")
    extend(folder / "k8s" / "gitops.yaml", CONFIG)
    return folder / "k8s"


@pytest.fixture(scope="module")
def rendered(tmp_path_factory: pytest.TempPathFactory) -> str:
    """Render prod, with a notifier beside the API."""
    notifications = {"components": ["../../components/notifications"]}
    changed = repository(tmp_path_factory.mktemp("changed"), notifications)
    return overlay.render(changed / "overlays" / ENV)


@pytest.fixture
def among(rendered: str) -> list[overlay.Object]:
    return overlay.objects(rendered)


def pod(labels: Mapping[str, str], namespace: str = NAMESPACE) -> End:
    return End("10.42.0.40", namespace, labels, {"http": PORT, "metrics": 8889})


def tables() -> Tables:
    slipway = {"app.kubernetes.io/name": "slipway"}
    api = pod({**slipway, "app.kubernetes.io/component": "api"})
    notifier = pod({**slipway, "app.kubernetes.io/component": "notifier"})
    instance, other = pod(CLUSTER), End("10.42.0.41", NAMESPACE, CLUSTER)
    operator = pod(OPERATOR, "cnpg-system")
    passing = {
        "API to the database": Flow(api, instance, 5432),
        "notifier to the database": Flow(notifier, instance, 5432),
        "one instance to another": Flow(other, instance, 5432),
        "one instance to another's status": Flow(other, instance, STATUS),
        "operator to an instance": Flow(operator, instance, 5432),
        "operator to an instance's status": Flow(operator, instance, STATUS),
        "Prometheus to an instance": Flow(PROMETHEUS, instance, METRICS),
        "instance to DNS": Flow(instance, DNS, 53, "UDP"),
        "instance to DNS, long answers": Flow(instance, DNS, 53, "TCP"),
        "instance to the API server": Flow(instance, API_SERVER, 443),
        "instance to an API server on a node": Flow(instance, PRIVATE, 6443),
        "instance to the object store": Flow(instance, INTERNET, 443),
        "instance to the object store by IPv6": Flow(instance, End("2001:db8::1"), 443),
    }
    refused = {
        "API to a managed database": Flow(api, PRIVATE, 5432),
        "API to another's database": Flow(api, pod({"cnpg.io/cluster": "other"}), 5432),
        "API to the status": Flow(api, instance, STATUS),
        "API to another port of it by UDP": Flow(api, instance, 5432, "UDP"),
        "ingress controller to the database": Flow(TRAEFIK, instance, 5432),
        "Prometheus to the database": Flow(PROMETHEUS, instance, 5432),
        "another of monitoring to the figures": Flow(pod({}, "monitoring"), instance, METRICS),
        "a pod called prometheus to the figures": Flow(pod(PROMETHEUS.labels), instance, METRICS),
        "a pod called like the operator": Flow(pod(OPERATOR, "default"), instance, STATUS),
        "the rest of the operator's namespace": Flow(pod({}, "cnpg-system"), instance, STATUS),
        "the operator to the figures": Flow(operator, instance, METRICS),
        "an instance to the figures": Flow(other, instance, METRICS),
        "a stranger to the database": Flow(pod({}), instance, 5432),
        "another component to the database": Flow(pod(slipway), instance, 5432),
        "another API to the database": Flow(
            pod({"app.kubernetes.io/component": "api"}), instance, 5432
        ),
        "another notifier to the database": Flow(
            pod({"app.kubernetes.io/component": "notifier"}), instance, 5432
        ),
        "a notifier elsewhere to the database": Flow(
            pod(notifier.labels, "slipway-staging"), instance, 5432
        ),
        "instance to the metadata service": Flow(instance, METADATA_SERVICE, 443),
        "instance to a neighbour by IPv6": Flow(instance, End("fe80::1"), 443),
        "instance to another port outside": Flow(instance, INTERNET, 80),
        "instance to a database outside": Flow(instance, PRIVATE, 5432),
        "instance to the API": Flow(instance, api, PORT),
        "instance to a pod by hand": Flow(instance, pod({}), 5432),
        "instance to DNS' own figures": Flow(instance, DNS, 9153),
        "instance to DNS' own figures by UDP": Flow(instance, DNS, 9153, "UDP"),
        "instance to the rest of kube-system": Flow(instance, TRAEFIK, 53),
        "instance to a pod called kube-dns elsewhere": Flow(
            instance, pod(DNS.labels, "default"), 53, "UDP"
        ),
    }
    return Tables(NAMESPACE, passing, refused)


def policies(among: list[overlay.Object]) -> list[Policy]:
    return [each for each in among if each["kind"] == "NetworkPolicy"]


def test_the_policies_allow_the_declared_flows_and_no_other(among: list[overlay.Object]) -> None:
    assert tables().misjudged(policies(among)) == []


def test_every_part_of_its_policy_matters(among: list[overlay.Object]) -> None:
    every = policies(among)
    (own,) = [each for each in every if each["metadata"]["name"] == NAME]
    idle, count = tables().idle_parts(own, every)
    assert idle == []
    assert count > 40


def test_nothing_is_found_in_an_overlay_that_has_it(tmp_path: Path) -> None:
    with Renderer() as renderer:
        opened = Repository.open(repository(tmp_path))
        context = Context(opened, Config.read(opened.root), renderer)
        assert run(context, ("patch", "dangling", "pin", "parity", "inert")) == []


def test_it_makes_the_database_that_the_api_asks_for(among: list[overlay.Object]) -> None:
    settings = overlay.find(among, "ConfigMap")["data"]
    made = overlay.find(among, "Cluster", NAME)["spec"]["bootstrap"]["initdb"]
    assert made["database"] == settings["SLIPWAY_DATABASE_NAME"]
    assert made["owner"] == settings["SLIPWAY_DATABASE_USER"]
    assert made["secret"] == {"name": secret.SECRET}
    assert settings["SLIPWAY_DATABASE_HOST"] == f"{NAME}-rw"
    assert settings["SLIPWAY_DATABASE_SSLMODE"] == "require"


def test_a_commit_is_on_two_of_three_instances(among: list[overlay.Object]) -> None:
    spec = overlay.find(among, "Cluster", NAME)["spec"]
    assert spec["instances"] == 3
    synchronous = spec["postgresql"]["synchronous"]
    assert (synchronous["number"], synchronous["dataDurability"]) == (1, "required")


def test_it_is_backed_up_every_night_to_where_the_overlay_says(
    among: list[overlay.Object],
) -> None:
    (plugin,) = overlay.find(among, "Cluster", NAME)["spec"]["plugins"]
    store = overlay.find(among, "ObjectStore", plugin["parameters"]["barmanObjectName"])
    schedule = overlay.find(among, "ScheduledBackup", NAME)["spec"]
    assert plugin["isWALArchiver"] is True
    assert store["spec"]["configuration"]["destinationPath"] == "s3://acme-slipway-prod/"
    assert schedule["cluster"] == {"name": NAME}
    assert schedule["pluginConfiguration"] == {"name": plugin["name"]}
    assert schedule["schedule"].split() == ["0", "0", "2", "*", "*", "*"]


def test_no_controller_takes_the_data_away(among: list[overlay.Object]) -> None:
    annotations = overlay.find(among, "Cluster", NAME)["metadata"]["annotations"]
    assert annotations == {
        "argocd.argoproj.io/sync-options": "Prune=false,Delete=false",
        "helm.sh/resource-policy": "keep",
        "kustomize.toolkit.fluxcd.io/prune": "disabled",
    }
