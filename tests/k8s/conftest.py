"""The rendered overlays, for each test that asks for them."""

import pytest

from tools import overlay

ENVIRONMENTS = ("dev", "staging", "prod")


@pytest.fixture(params=ENVIRONMENTS)
def env(request: pytest.FixtureRequest) -> str:
    return str(request.param)


@pytest.fixture
def among(env: str) -> list[overlay.Object]:
    return overlay.rendered(env)


@pytest.fixture
def pods(among: list[overlay.Object]) -> dict[str, overlay.Object]:
    """Each workload's pod template, by the workload's name."""
    return {
        each["metadata"]["name"]: each["spec"]["template"]
        for each in among
        if each["kind"] in ("Deployment", "StatefulSet")
    }
