import time

import pytest

from tests.tools.conftest import FakeKubectl
from tools.cluster.kube import Kube
from tools.cluster.portforward import local_port, port_forward
from tools.command import ToolError

KUBE = Kube("laptop")


@pytest.mark.parametrize(
    ("line", "port"),
    [
        ("Forwarding from 127.0.0.1:41234 -> 8888\n", 41234),
        ("Forwarding from [::1]:41234 -> 8888\n", None),
        ("Handling connection for 41234\n", None),
        ("error: unable to forward port because pod is not running\n", None),
    ],
)
def test_the_port_is_read_from_the_line_that_names_it(line: str, port: int | None) -> None:
    assert local_port(line) == port


def test_the_forward_lasts_as_long_as_the_block(kubectl: FakeKubectl) -> None:
    kubectl.answer("port-forward", "Forwarding from 127.0.0.1:41234 -> 8888\n", stay=60)
    started = time.monotonic()
    with port_forward(KUBE, "slipway-dev", "service/slipway", "http") as url:
        assert url == "http://127.0.0.1:41234"
    assert time.monotonic() - started < 10, "kubectl was ended"
    asked = " ".join(kubectl.calls[-1]["argv"])
    assert asked == (
        "--context laptop --namespace slipway-dev "
        "port-forward --address 127.0.0.1 service/slipway :http"
    )


def test_the_forward_is_ended_when_the_block_fails(kubectl: FakeKubectl) -> None:
    kubectl.answer("port-forward", "Forwarding from 127.0.0.1:41234 -> 8888\n", stay=60)
    started = time.monotonic()
    with (
        pytest.raises(ZeroDivisionError),
        port_forward(KUBE, "slipway-dev", "service/slipway", "http"),
    ):
        raise ZeroDivisionError
    assert time.monotonic() - started < 10


def test_a_forward_that_ends_at_once_says_why(kubectl: FakeKubectl) -> None:
    kubectl.answer("port-forward", err="error: services not found\n", status=1)
    with (
        pytest.raises(ToolError, match="service/slipway: error: services not found"),
        port_forward(KUBE, "slipway-dev", "service/slipway", "http"),
    ):
        pass


def test_a_silent_forward_is_given_up(kubectl: FakeKubectl) -> None:
    kubectl.answer("port-forward", stay=60)
    with (
        pytest.raises(ToolError, match=r"no output for 0\.2 s"),
        port_forward(KUBE, "slipway-dev", "service/slipway", "http", timeout=0.2),
    ):
        pass


def test_a_machine_without_kubectl_is_told_so(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("PATH", "/nonexistent")
    with (
        pytest.raises(ToolError, match="kubectl is not installed"),
        port_forward(KUBE, "slipway-dev", "service/slipway", "http"),
    ):
        pass
