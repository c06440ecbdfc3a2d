"""Who may talk to whom, judged by the rendered policies; and each part of a policy matters."""

from typing import Any

import pytest

from tests.k8s.flows import must_not_pass, must_pass
from tests.k8s.network import End, Flow, Policy, allowed, selects
from tests.k8s.tables import Tables
from tools import overlay


def policies(env: str) -> list[Policy]:
    return [each for each in overlay.rendered(env) if each["kind"] == "NetworkPolicy"]


def tables(env: str) -> Tables:
    return Tables(f"slipway-{env}", must_pass(env), must_not_pass(env))


def test_the_policies_allow_the_declared_flows_and_no_other(env: str) -> None:
    assert tables(env).misjudged(policies(env)) == []


def test_without_policies_every_denied_flow_would_pass(env: str) -> None:
    assert tables(env).misjudged([]) == [f"leaked: {name}" for name in must_not_pass(env)]


def test_every_policy_matters(env: str) -> None:
    every = policies(env)
    for one in every:
        rest = [each for each in every if each is not one]
        assert tables(env).misjudged(rest), f"nothing changes without {one['metadata']['name']}"


def test_every_part_of_every_policy_matters(env: str) -> None:
    """Whatever is left out, a peer, a label, a port: some flow is judged differently."""
    every = policies(env)
    tried = [tables(env).idle_parts(one, every) for one in every]
    assert [idle for idle, _ in tried if idle] == []
    assert sum(count for _, count in tried) > 30


@pytest.mark.parametrize(
    ("selector", "selected"),
    [({}, True), ({"matchLabels": {"a": "b"}}, True), ({"matchLabels": {"a": "c"}}, False)],
)
def test_a_selector_without_labels_selects_everything(
    selector: dict[str, Any], selected: bool
) -> None:
    assert selects(selector, {"a": "b", "d": "e"}) is selected


def test_a_selector_selects_any_of_several_values() -> None:
    selector = {"matchExpressions": [{"key": "a", "operator": "In", "values": ["b", "c"]}]}
    assert selects(selector, {"a": "c"})
    assert not selects(selector, {"a": "d"})
    assert not selects(selector, {})


def test_a_selector_that_is_not_understood_is_an_error() -> None:
    with pytest.raises(NotImplementedError, match="Exists"):
        selects({"matchExpressions": [{"key": "a", "operator": "Exists"}]}, {})


def test_a_block_holds_its_addresses_but_not_the_excepted_ones() -> None:
    block = {"cidr": "10.0.0.0/8", "except": ["10.1.0.0/16"]}
    policy = {
        "metadata": {"namespace": "here"},
        "spec": {
            "podSelector": {},
            "policyTypes": ["Egress"],
            "egress": [{"to": [{"ipBlock": block}], "ports": [{"port": 1, "endPort": 9}]}],
        },
    }
    here = End("10.42.0.1", "here")
    assert allowed([policy], Flow(here, End("10.0.0.1"), 9))
    assert not allowed([policy], Flow(here, End("10.0.0.1"), 10))
    assert not allowed([policy], Flow(here, End("10.1.0.1"), 9))
    assert not allowed([policy], Flow(here, End("11.0.0.1"), 9))
