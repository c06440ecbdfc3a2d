"""Who may talk to whom, judged by the rendered policies; and each part of a policy matters."""

import copy
from collections.abc import Iterator
from typing import Any

import pytest

from tests.k8s.flows import must_not_pass, must_pass
from tests.k8s.network import End, Flow, Policy, allowed, permits, selects
from tools import overlay

Path = tuple[str | int, ...]


def policies(env: str) -> list[Policy]:
    return [each for each in overlay.rendered(env) if each["kind"] == "NetworkPolicy"]


def refused(env: str, flow: Flow, by: list[Policy]) -> bool:
    """Tell whether every end of a flow that is in the environment refuses it, not only one."""
    ends = {"Egress": flow.source, "Ingress": flow.destination}
    inside = [where for where, end in ends.items() if end.namespace == f"slipway-{env}"]
    return not any(permits(by, flow, direction) for direction in inside)


def misjudged(env: str, by: list[Policy]) -> list[str]:
    """Return the flows of the two tables that these policies judge differently."""
    lost = [name for name, flow in must_pass(env).items() if not allowed(by, flow)]
    leaked = [name for name, flow in must_not_pass(env).items() if not refused(env, flow, by)]
    return [f"lost: {name}" for name in lost] + [f"leaked: {name}" for name in leaked]


def parts(node: Any, path: Path = ()) -> Iterator[tuple[Path, Any]]:
    """Yield every field and element of a policy's specification, with the path to it."""
    if isinstance(node, dict | list):
        for key, value in node.items() if isinstance(node, dict) else enumerate(node):
            yield (*path, key), value
            yield from parts(value, (*path, key))


def without(policy: Policy, path: Path) -> Policy:
    mutant = copy.deepcopy(policy)
    node: Any = mutant["spec"]
    for key in path[:-1]:
        node = node[key]
    del node[path[-1]]
    return mutant


def test_the_policies_allow_the_declared_flows_and_no_other(env: str) -> None:
    assert misjudged(env, policies(env)) == []


def test_without_policies_every_denied_flow_would_pass(env: str) -> None:
    assert misjudged(env, []) == [f"leaked: {name}" for name in must_not_pass(env)]


def test_every_policy_matters(env: str) -> None:
    every = policies(env)
    for one in every:
        rest = [each for each in every if each is not one]
        assert misjudged(env, rest), f"nothing changes without {one['metadata']['name']}"


def test_every_part_of_every_policy_matters(env: str) -> None:
    """Whatever is left out, a peer, a label, a port: some flow is judged differently."""
    # Kubernetes or this evaluator wants these to be there; TCP is what no protocol means.
    needed = {("podSelector",), ("policyTypes",)}
    every = policies(env)
    tried = 0
    for one in every:
        rest = [each for each in every if each is not one]
        for path, value in parts(one["spec"]):
            if path in needed or path[-1] == "cidr" or value == "TCP":
                continue
            changed = misjudged(env, [*rest, without(one, path)])
            assert changed, f"{one['metadata']['name']} means the same without {path}"
            tried += 1
    assert tried > 30


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
