"""The component that has the cluster refuse what is named by a tag.

What the policy decides, the API server says: tests/e2e/test_digest_only.py.
"""

import pytest

from tests.k8s.controls import WORKLOADS
from tools import overlay

POLICY, BINDING = "ValidatingAdmissionPolicy", "ValidatingAdmissionPolicyBinding"
Objects = list[overlay.Object]


@pytest.fixture(params=["staging", "prod"])
def env(request: pytest.FixtureRequest) -> str:
    return str(request.param)


@pytest.fixture
def name(env: str) -> str:
    return f"digest-only.slipway-{env}"


@pytest.fixture
def policy(name: str, among: Objects) -> overlay.Object:
    found: overlay.Object = overlay.find(among, POLICY, name)["spec"]
    return found


def test_dev_has_none() -> None:
    assert not {POLICY, BINDING} & {each["kind"] for each in overlay.rendered("dev")}


def test_each_environment_binds_its_own_policy_to_its_own_namespace(
    env: str, name: str, among: Objects
) -> None:
    assert overlay.find(among, BINDING, name)["spec"] == {
        "policyName": overlay.find(among, POLICY, name)["metadata"]["name"],
        "validationActions": ["Deny"],
        "matchResources": {
            "namespaceSelector": {"matchLabels": {"kubernetes.io/metadata.name": f"slipway-{env}"}}
        },
    }


def test_it_fails_closed(policy: overlay.Object) -> None:
    assert policy["failurePolicy"] == "Fail"


def test_it_judges_whatever_makes_pods_and_what_is_added_to_one(policy: overlay.Object) -> None:
    rules = policy["matchConstraints"]["resourceRules"]
    judged = {resource for rule in rules for resource in rule["resources"]}
    assert judged >= {f"{kind.lower()}s" for kind in WORKLOADS} | {"replicasets"}
    assert "pods/ephemeralcontainers" in judged
    for rule in rules:
        assert rule["operations"] == ["CREATE", "UPDATE"]
        assert rule["apiVersions"] == ["*"]
