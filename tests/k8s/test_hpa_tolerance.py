"""The component that has the autoscaler follow small changes of load, where Kubernetes can."""

import pytest

from tests.k8s.test_components import enabled
from tools import overlay

DEFAULT = 100  # thousandths


@pytest.fixture
def behavior(env: str) -> overlay.Object:
    (autoscaler,) = enabled("hpa-tolerance", env)
    found: overlay.Object = autoscaler["spec"]["behavior"]
    return found


def test_it_goes_up_sooner_and_down_later_than_by_default(behavior: overlay.Object) -> None:
    up, down = (
        int(behavior[direction]["tolerance"].removesuffix("m"))
        for direction in ("scaleUp", "scaleDown")
    )
    assert 0 < up < DEFAULT < down


def test_the_rest_of_the_behavior_is_that_of_the_overlay(
    env: str, behavior: overlay.Object
) -> None:
    for direction in behavior.values():
        del direction["tolerance"]
    own = overlay.find(overlay.rendered(env), "HorizontalPodAutoscaler")["spec"]["behavior"]
    assert behavior == own
