import json
from typing import Any

import pytest

from gitops import optional
from gitops.repository import Repository
from tests.tools.conftest import FakeKubectl
from tools import overlay
from tools.cluster import prune
from tools.cluster.kube import Kube
from tools.command import ROOT, ToolError

KUBE = Kube("laptop")
NAMESPACE = "slipway-dev"
APPLIED = {prune.APPLIED: "{}"}


def made(kind: str, name: str, api: str = "v1", **metadata: Any) -> overlay.Object:
    return {
        "apiVersion": api,
        "kind": kind,
        "metadata": {"name": name, "annotations": APPLIED, **metadata},
    }


def policy(name: str, **metadata: Any) -> overlay.Object:
    return made("NetworkPolicy", name, "networking.k8s.io/v1", **metadata)


def owner(kind: str, *containers: dict[str, Any], volumes: object = ()) -> overlay.Object:
    return {"kind": kind, "spec": {"template": {"spec": {"c": containers, "volumes": volumes}}}}


@pytest.fixture
def cluster(kubectl: FakeKubectl) -> FakeKubectl:
    kubectl.answer("api-resources", "configmaps\nsecrets\nnetworkpolicies.networking.k8s.io\n")
    kubectl.answer("get --output json replicasets,statefulsets", json.dumps({"items": []}))
    return kubectl


def labelled(kubectl: FakeKubectl, *found: overlay.Object) -> None:
    kubectl.answer("--selector app.kubernetes.io/part-of=slipway", json.dumps({"items": found}))


def removed(kubectl: FakeKubectl) -> list[str]:
    calls = kubectl.called("delete --filename -")
    return [
        f"{each['kind']}/{each['metadata']['name']}"
        for call in calls
        for each in json.loads(call["stdin"])["items"]
    ]


def test_what_the_manifests_have_no_more_is_removed_and_the_rest_stays(
    cluster: FakeKubectl,
) -> None:
    labelled(cluster, policy("slipway"), policy("default-deny"))
    prune.prune(KUBE, NAMESPACE, [policy("slipway")])
    assert removed(cluster) == ["NetworkPolicy/default-deny"]


def test_another_version_of_the_same_kind_is_the_same_object(cluster: FakeKubectl) -> None:
    labelled(cluster, made("HorizontalPodAutoscaler", "slipway", "autoscaling/v2"))
    prune.prune(KUBE, NAMESPACE, [made("HorizontalPodAutoscaler", "slipway", "autoscaling/v1")])
    assert removed(cluster) == []


def test_only_one_namespace_and_only_what_carries_the_label_is_looked_at(
    cluster: FakeKubectl,
) -> None:
    labelled(cluster)
    prune.prune(KUBE, NAMESPACE, [])
    (asked,) = cluster.called("--selector")
    assert asked["argv"][5:] == [
        "configmaps,networkpolicies.networking.k8s.io",
        *("--namespace", NAMESPACE, "--selector", "app.kubernetes.io/part-of=slipway"),
    ]


def test_of_what_is_the_clusters_only_that_of_this_namespace_is_removed(
    cluster: FakeKubectl,
) -> None:
    names = [f"digest-only.slipway-{env}" for env in ("dev", "old-dev", "dev-eu")]
    labelled(cluster, *(made("ValidatingAdmissionPolicy", name) for name in names))
    prune.prune(KUBE, NAMESPACE, [])
    assert removed(cluster) == ["ValidatingAdmissionPolicy/digest-only.slipway-dev"]


def test_what_a_controller_or_another_tool_made_stays(cluster: FakeKubectl) -> None:
    owned = policy("owned", ownerReferences=[{"kind": "Deployment", "name": "slipway"}])
    labelled(cluster, owned, policy("by-argo-cd", annotations={}))
    prune.prune(KUBE, NAMESPACE, [])
    assert removed(cluster) == []


@pytest.mark.parametrize(
    "reference",
    [
        {"envFrom": [{"configMapRef": {"name": "slipway-old"}}]},
        {"env": [{"valueFrom": {"configMapKeyRef": {"name": "slipway-old", "key": "x"}}}]},
        {"volumes": [{"configMap": {"name": "slipway-old"}}]},
        {"volumes": [{"projected": {"sources": [{"configMap": {"name": "slipway-old"}}]}}]},
    ],
)
@pytest.mark.parametrize("kind", ["ReplicaSet", "StatefulSet"])
def test_a_configmap_that_a_rollout_undo_would_need_stays_and_older_ones_go(
    cluster: FakeKubectl, kind: str, reference: dict[str, Any]
) -> None:
    labelled(cluster, *(made("ConfigMap", f"slipway-{age}") for age in ("new", "old", "oldest")))
    cluster.answer(
        "get --output json replicasets,statefulsets",
        json.dumps({"items": [owner(kind, reference)]}),
    )
    prune.prune(KUBE, NAMESPACE, [made("ConfigMap", "slipway-new")])
    assert removed(cluster) == ["ConfigMap/slipway-oldest"]


@pytest.mark.parametrize(
    ("kind", "api"),
    [
        ("StatefulSet", "apps/v1"),
        ("Cluster", "postgresql.cnpg.io/v1"),
        ("ExternalSecret", "external-secrets.io/v1"),
    ],
)
def test_what_holds_data_is_named_and_stays(
    cluster: FakeKubectl, capsys: pytest.CaptureFixture[str], kind: str, api: str
) -> None:
    labelled(cluster, made(kind, "x", api))
    prune.prune(KUBE, NAMESPACE, [])
    assert removed(cluster) == []
    assert f"kubectl --namespace {NAMESPACE} delete {kind.lower()} x" in capsys.readouterr().out


def test_a_removal_that_is_refused_is_an_error(cluster: FakeKubectl) -> None:
    labelled(cluster, policy("slipway"))
    cluster.answer("delete --filename -", status=1)
    with pytest.raises(ToolError, match="leftovers in slipway-dev were not removed"):
        prune.prune(KUBE, NAMESPACE, [])


def test_an_api_that_is_down_is_no_obstacle(cluster: FakeKubectl) -> None:
    """`kubectl api-resources` fails then, after it has listed the others."""
    labelled(cluster, policy("slipway"))
    cluster.answer("api-resources", "networkpolicies.networking.k8s.io\n", err="metrics", status=1)
    prune.prune(KUBE, NAMESPACE, [])
    assert removed(cluster) == ["NetworkPolicy/slipway"]


def test_a_cluster_that_lists_nothing_is_an_error(cluster: FakeKubectl) -> None:
    cluster.answer("api-resources", err="error: no route to host", status=1)
    with pytest.raises(ToolError, match="kubectl api-resources: no route to host"):
        prune.prune(KUBE, NAMESPACE, [])


def resource(found: overlay.Object) -> str:
    """Return the name that the API has for an object's kind, such as networkpolicies.x.io."""
    group, kind, _ = prune.identity(found)
    plural = kind.lower().removesuffix("y") + "ies" if kind.endswith("y") else f"{kind.lower()}s"
    plural = "ingresses" if kind == "Ingress" else plural
    return f"{plural}.{group}" if group else plural


def test_whatever_an_overlay_or_component_brings_can_be_found_again() -> None:
    components = optional.unused(Repository.open(ROOT / "k8s"))
    texts = [overlay.render_with(each.folder.name, "staging") for each in components]
    assert texts
    brought = [each for text in texts for each in overlay.objects(text)]
    brought += [each for env in overlay.environments() for each in overlay.rendered(env)]
    for each in brought:
        if each["kind"] == "Namespace":
            continue
        assert resource(each) in prune.KINDS
        assert each["metadata"]["labels"].items() >= prune.PART_OF.items()


def test_secrets_and_volumes_are_never_looked_at() -> None:
    assert not {"secrets", "persistentvolumeclaims", "persistentvolumes"} & set(prune.KINDS)
