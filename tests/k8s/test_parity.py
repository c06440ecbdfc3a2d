"""The overlays are alike: what one has and another has not is declared here, with its reason."""

import pytest

from tools import overlay

EVERYWHERE = {
    "ConfigMap slipway",
    "Deployment slipway",
    "HorizontalPodAutoscaler slipway",
    "Ingress slipway",
    "Namespace slipway",
    "NetworkPolicy default-deny",
    "NetworkPolicy slipway",
    "NetworkPolicy slipway-database",
    "Service slipway",
}
# A laptop and a test cluster have no managed database.
DATABASE = {"NetworkPolicy postgres", "Service postgres", "StatefulSet postgres"}
# One pod, as in dev, has no other to keep while it moves.
BUDGET = {"PodDisruptionBudget slipway"}
DIFFERENCES = {"dev": DATABASE, "staging": BUDGET, "prod": BUDGET}
# Where the database is, each environment says for itself.
OWN = {"NetworkPolicy slipway-database"}


def name(each: overlay.Object, env: str) -> str:
    """Return kind and name, without the environment and without a generated hash."""
    its_name = overlay.HASH.sub("", str(each["metadata"]["name"])).removesuffix(f"-{env}")
    return f"{each['kind']} {its_name}"


def test_an_overlay_has_exactly_the_declared_objects(env: str, among: list[overlay.Object]) -> None:
    assert sorted(name(each, env) for each in among) == sorted(EVERYWHERE | DIFFERENCES[env])


def shared(env: str, kind: str) -> dict[str, overlay.Object]:
    return {
        each["metadata"]["name"]: each["spec"]
        for each in overlay.rendered(env)
        if each["kind"] == kind and name(each, env) in EVERYWHERE - OWN
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
