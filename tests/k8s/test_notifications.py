"""The component that sends notifications: it is as safe as the API, and reaches what it needs."""

import pytest

from tests.k8s.controls import CONTROLS, judge
from tests.k8s.flows import DNS, INTERNET, METADATA_SERVICE, PORT, PRIVATE, PROMETHEUS, TRAEFIK
from tests.k8s.network import End, Flow, allowed
from tests.k8s.test_components import with_component
from tools import overlay

NAME = "slipway-notifier"


@pytest.fixture
def among(env: str) -> list[overlay.Object]:
    return with_component("notifications", env)


def container(among: list[overlay.Object], name: str) -> overlay.Object:
    spec = overlay.find(among, "Deployment", name)["spec"]["template"]["spec"]
    first: overlay.Object = spec["containers"][0]
    return first


def end(among: list[overlay.Object], kind: str, name: str) -> End:
    """Return a pod of a workload."""
    workload = overlay.find(among, kind, name)
    template = workload["spec"]["template"]
    ports = template["spec"]["containers"][0]["ports"]
    return End(
        "10.42.0.10",
        workload["metadata"]["namespace"],
        template["metadata"]["labels"],
        {each["name"]: each["containerPort"] for each in ports},
    )


def test_it_runs_the_release_and_the_settings_of_the_api(among: list[overlay.Object]) -> None:
    api, notifier = container(among, overlay.NAME), container(among, NAME)

    assert notifier["image"] == api["image"]
    assert notifier["envFrom"] == api["envFrom"]
    assert [each for each in api["env"] if "DATABASE" in each["name"]] == notifier["env"]


@pytest.mark.parametrize("control", CONTROLS)
def test_it_passes_every_control_that_the_api_passes(
    env: str, among: list[overlay.Object], control: str
) -> None:
    def failed(objects: list[overlay.Object]) -> set[str]:
        found = {what for what, passed in judge(control, objects) if not passed}
        return {what.replace(NAME, overlay.NAME).replace("notifier", "api") for what in found}

    assert failed(among) <= failed(overlay.rendered(env))


def test_it_alone_reaches_the_internet_and_nothing_that_is_private(
    env: str, among: list[overlay.Object]
) -> None:
    policies = [each for each in among if each["kind"] == "NetworkPolicy"]
    notifier, api = end(among, "Deployment", NAME), end(among, "Deployment", overlay.NAME)
    database = end(among, "StatefulSet", "postgres") if env == "dev" else PRIVATE
    passing = [
        Flow(notifier, DNS, 53, "UDP"),
        Flow(notifier, INTERNET, 443),
        Flow(notifier, database, 5432),
        Flow(api, database, 5432),
        Flow(PROMETHEUS, notifier, notifier.ports["metrics"]),
    ]
    refused = [
        Flow(api, INTERNET, 443),
        Flow(notifier, INTERNET, 80),
        Flow(notifier, PRIVATE, 443),
        Flow(notifier, METADATA_SERVICE, 443),
        Flow(notifier, api, PORT),
        Flow(TRAEFIK, notifier, notifier.ports["metrics"]),
    ]

    assert [flow for flow in passing if not allowed(policies, flow)] == []
    assert [flow for flow in refused if allowed(policies, flow)] == []
