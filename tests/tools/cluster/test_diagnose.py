import json

from tests.tools.conftest import FakeKubectl
from tools.cluster import diagnose

PODS = {
    "items": [
        {"metadata": {"namespace": "dev", "name": "slipway-1"}},
        {"metadata": {"namespace": "kube-system", "name": "dns-1"}},
    ]
}


def test_the_logs_of_every_pod_are_printed_whatever_fails(kubectl: FakeKubectl) -> None:
    kubectl.answer("describe", status=1)
    kubectl.answer("logs slipway-1", err="waiting to start", status=1)
    kubectl.answer("get --output json pods", json.dumps(PODS))
    diagnose.main()

    asked = [" ".join(call["argv"]) for call in kubectl.called("logs")]
    assert [words.split("logs ")[1].split(" --all")[0] for words in asked] == [
        "slipway-1 --namespace dev",
        "dns-1 --namespace kube-system",
    ]
    assert kubectl.called("describe pods --all-namespaces")
