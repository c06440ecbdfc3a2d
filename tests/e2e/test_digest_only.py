"""What staging's admission policy lets in and what not, in a namespace of its own."""

import copy
import json
import time
from collections.abc import Iterator
from typing import Any

import pytest

from tools import overlay
from tools.cluster.kube import Kube
from tools.cluster.prune import OF_CLUSTER
from tools.command import ToolError

NAMESPACE = "slipway-digest-only-test"
SCOPE = ("--namespace", NAMESPACE)
TAG = "docker.io/library/busybox:1.37"
DIGEST = f"{TAG}@sha256:{'0123456789abcdef' * 4}"
REFUSAL = "only images named by a digest (NAME@sha256:…) run in this namespace, which these are not"
LABELS = {"app": "x"}
# Nobody schedules it, so no image is pulled.
NOWHERE = "nobody"
Object = dict[str, Any]


def pod(*images: str, **more: Any) -> Object:
    containers = [{"name": f"c{n}", "image": image} for n, image in enumerate(images)]
    return {"schedulerName": NOWHERE, "containers": containers, **more}


def template(spec: Object) -> Object:
    return {"metadata": {"labels": LABELS}, "spec": spec}


def workload(kind: str, spec: Object) -> Object:
    """Return an object that makes pods of this specification."""
    selected = {"selector": {"matchLabels": LABELS}, "template": template(spec)}
    ends = template({**spec, "restartPolicy": "Never"})
    job = {"spec": {"template": ends}}
    group, body = {
        "Pod": ("v1", spec),
        "ReplicationController": ("v1", {"selector": LABELS, "template": template(spec)}),
        "Deployment": ("apps/v1", selected),
        "ReplicaSet": ("apps/v1", selected),
        "DaemonSet": ("apps/v1", selected),
        "StatefulSet": ("apps/v1", {**selected, "serviceName": "x"}),
        "Job": ("batch/v1", job["spec"]),
        "CronJob": ("batch/v1", {"schedule": "@daily", "jobTemplate": job}),
    }[kind]
    return {"apiVersion": group, "kind": kind, "metadata": {"name": "x"}, "spec": body}


def try_to_create(kube: Kube, made: Object) -> str:
    """Return what the API server says against an object, which it does not keep; or nothing."""
    try:
        kube.run("create", *SCOPE, "--dry-run=server", "-f", "-", stdin=json.dumps(made))
    except ToolError as error:
        return str(error)
    return ""


@pytest.fixture(scope="module")
def before(kube: Kube) -> Iterator[str]:
    """Return a pod that was there before the policy, named by a tag."""
    kube.run("create", "namespace", NAMESPACE)
    kube.run("wait", *SCOPE, "serviceaccount/default", "--for=create", "--timeout=30s")
    kube.run("create", *SCOPE, "-f", "-", stdin=json.dumps(workload("Pod", pod(TAG))))
    yield "x"
    kube.run("delete", "namespace", NAMESPACE, "--timeout=120s")


@pytest.fixture(scope="module")
def policy(kube: Kube, before: str) -> Iterator[str]:
    """Return the policy's name, once it counts: the API server takes a moment to learn of it."""
    assert before
    text = json.dumps([each for each in overlay.rendered("staging") if each["kind"] in OF_CLUSTER])
    made = json.loads(text.replace("slipway-staging", NAMESPACE))
    items = json.dumps({"apiVersion": "v1", "kind": "List", "items": made})
    kube.run("apply", "--filename", "-", stdin=items)
    try:
        deadline = time.monotonic() + 30
        while not try_to_create(kube, workload("Job", pod(TAG))):
            assert time.monotonic() < deadline, "the policy is not in force"
            time.sleep(0.5)
        yield str(made[0]["metadata"]["name"])
    finally:
        kube.run("delete", "--filename", "-", stdin=items)


KINDS = ("Pod", "Deployment", "ReplicaSet", "DaemonSet", "StatefulSet", "Job", "CronJob")


@pytest.mark.usefixtures("policy")
@pytest.mark.parametrize("kind", [*KINDS, "ReplicationController"])
def test_a_tag_is_refused_with_the_reason_and_a_digest_is_taken(kube: Kube, kind: str) -> None:
    made = workload(kind, pod(DIGEST, TAG))
    made["metadata"]["name"] = "y"
    said = try_to_create(kube, made)
    assert f"{REFUSAL}: {TAG}" in said
    fine = workload(kind, pod(DIGEST, DIGEST))
    fine["metadata"]["name"] = "y"
    assert try_to_create(kube, fine) == ""


MOUNTED = {"name": "v", "image": {"reference": TAG}}


@pytest.mark.usefixtures("policy")
@pytest.mark.parametrize(
    "more", [{"initContainers": [{"name": "i", "image": TAG}]}, {"volumes": [MOUNTED]}]
)
def test_an_image_that_is_run_first_or_mounted_is_one_too(kube: Kube, more: Object) -> None:
    assert f"{REFUSAL}: {TAG}" in try_to_create(kube, workload("Deployment", pod(DIGEST, **more)))
    named = json.loads(json.dumps(more).replace(TAG, DIGEST))
    assert try_to_create(kube, workload("Deployment", pod(DIGEST, **named))) == ""


@pytest.mark.usefixtures("policy")
def test_what_was_there_before_may_be_labelled(kube: Kube, before: str) -> None:
    kube.run("label", "pod", before, *SCOPE, "seen=yes")


@pytest.mark.usefixtures("policy")
def test_nobody_debugs_with_a_tag(kube: Kube) -> None:
    made = workload("Pod", pod(DIGEST))
    made["metadata"]["name"] = "named"
    kube.run("create", *SCOPE, "-f", "-", stdin=json.dumps(made))
    debug = ("debug", "named", *SCOPE, "--target=c0", "--attach=false", "--profile=general")
    with pytest.raises(ToolError, match="only images named by a digest"):
        kube.run(*debug, f"--image={TAG}")
    kube.run(*debug, f"--image={DIGEST}")


@pytest.mark.usefixtures("policy")
def test_it_counts_in_its_namespace_alone(kube: Kube) -> None:
    made = copy.deepcopy(workload("Job", pod(TAG)))
    stdin = json.dumps(made)
    kube.run("create", "--namespace", "default", "--dry-run=server", "-f", "-", stdin=stdin)


def test_the_api_server_finds_nothing_odd_about_its_expressions(kube: Kube, policy: str) -> None:
    deadline = time.monotonic() + 30
    while "typeChecking" not in (status := kube.get(OF_CLUSTER[0], policy).get("status", {})):
        assert time.monotonic() < deadline, status
        time.sleep(0.5)
    assert status["typeChecking"] == {}
