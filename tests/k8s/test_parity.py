"""The overlays are alike: what only some of them have is declared in k8s/gitops.yaml."""

import pytest

from gitops.checks import parity
from gitops.checks.context import Context
from gitops.checks.run import run
from gitops.config import Config
from gitops.render import Renderer
from gitops.repository import Repository
from tools import overlay
from tools.command import ROOT

EVERYWHERE = {
    "ConfigMap/slipway",
    "Deployment/slipway",
    "HorizontalPodAutoscaler/slipway",
    "Ingress/slipway",
    "Namespace/slipway",
    "NetworkPolicy/default-deny",
    "NetworkPolicy/slipway",
    "NetworkPolicy/slipway-database",
    "Service/slipway",
}
# Where the database is, each environment says for itself, and whether there are zones to stay in.
OWN = {"NetworkPolicy/slipway-database"}
OWN_FIELDS = {"trafficDistribution"}


def test_every_difference_is_declared_and_every_declaration_is_one() -> None:
    repository = Repository.open(ROOT / "k8s")
    with Renderer() as renderer:
        context = Context(repository, Config.read(repository.root), renderer)
        assert run(context, ["parity"]) == []
        environments = set(context.config.environments)
        (family,) = parity.families(context.applied, environments)
    assert {each.overlay.folder.name for each in family} == {"dev", "staging", "prod"}
    found = parity.holdings(family, environments)
    objects = {what: having for what, having in found.items() if ":" not in what}
    assert {what for what, having in objects.items() if len(having) == 3} == EVERYWHERE


def shared(env: str, kind: str) -> dict[str, overlay.Object]:
    return {
        each["metadata"]["name"]: {k: v for k, v in each["spec"].items() if k not in OWN_FIELDS}
        for each in overlay.rendered(env)
        if each["kind"] == kind and f"{kind}/{each['metadata']['name']}" in EVERYWHERE - OWN
    }


@pytest.mark.parametrize("kind", ["Service", "NetworkPolicy"])
def test_what_no_environment_sets_for_itself_is_the_same_everywhere(env: str, kind: str) -> None:
    assert shared(env, kind)
    assert shared(env, kind) == shared("prod", kind)


def test_staging_is_prod_in_another_size() -> None:
    staging, prod = (
        {each["kind"] for each in overlay.rendered(env)} for env in ("staging", "prod")
    )
    assert staging == prod
    budgets = [
        overlay.find(overlay.rendered(env), "PodDisruptionBudget")["spec"]
        for env in ("staging", "prod")
    ]
    assert budgets[0] == budgets[1]


@pytest.mark.parametrize("env", ["staging", "prod"])
def test_the_budget_gives_up_one_pod_at_a_time_and_never_blocks_a_drain(env: str) -> None:
    among = overlay.rendered(env)
    budget = overlay.find(among, "PodDisruptionBudget")["spec"]
    assert budget["maxUnavailable"] == 1
    assert budget["unhealthyPodEvictionPolicy"] == "AlwaysAllow"
    assert budget["selector"] == overlay.find(among, "Deployment")["spec"]["selector"]
    assert overlay.find(among, "HorizontalPodAutoscaler")["spec"]["minReplicas"] > 1
