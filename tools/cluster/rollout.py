"""Wait for a rollout, and give up on one that cannot succeed."""

import subprocess
import sys
from typing import Any

from tools.cluster.kube import Kube, explain, is_ready
from tools.command import ToolError, say

REVISION = "deployment.kubernetes.io/revision"
# A container that ends this often is broken: the first times may be a race with what it needs.
RESTARTS = 3


def wait(kube: Kube, namespace: str, what: str, timeout: int) -> None:
    """Wait for a rollout, showing its progress; explain a failed one before raising ToolError.

    Kubernetes reports a failure after the progress deadline. A Deployment whose new pods keep
    crashing is given up before that.
    """
    say(f"waiting for {what} in {namespace}, at most {timeout} s")
    sys.stdout.flush()
    deadline = f"{timeout}s"
    process = subprocess.Popen(
        kube.argv("rollout", "status", what, "--namespace", namespace, "--timeout", deadline)
    )
    crashing = ""
    try:
        while not crashing and _still_running(process):
            crashing = crash(kube, namespace, what)
    finally:
        process.terminate()
        process.wait()
    if crashing or process.returncode:
        explain(kube, namespace)
        reason = f" ({crashing})" if crashing else ""
        raise ToolError(
            f"the rollout of {what} in {namespace} failed{reason}: see the events and logs above"
        )


def _still_running(process: subprocess.Popen[bytes]) -> bool:
    """Wait a second for a process, and return whether it is still running."""
    try:
        process.wait(timeout=1)
    except subprocess.TimeoutExpired:
        return True
    return False


def crash(kube: Kube, namespace: str, what: str) -> str:
    """Return which container of a Deployment's newest pods keeps restarting, or nothing."""
    kind, _, name = what.partition("/")
    if kind != "deployment":
        return ""
    newest = replica_set(kube, namespace, name)
    if newest is None:
        return ""
    labels = newest["spec"]["selector"]["matchLabels"]
    for pod in kube.selected("pods", namespace, labels):
        status = pod.get("status", {})
        for container in status.get("initContainerStatuses", []) + status.get(
            "containerStatuses", []
        ):
            if container["restartCount"] >= RESTARTS and not container.get("ready"):
                return f"{container['name']} of pod {pod['metadata']['name']} keeps restarting"
    return ""


def replica_set(kube: Kube, namespace: str, name: str) -> dict[str, Any] | None:
    """Return the ReplicaSet of a Deployment's current revision."""
    deployment = kube.get("deployment", name, "--namespace", namespace)
    annotations = deployment["metadata"].get("annotations", {})
    generation = deployment.get("status", {}).get("observedGeneration")
    if generation != deployment["metadata"].get("generation"):
        return None  # the controller has not seen the newest template yet
    labels = deployment["spec"]["selector"]["matchLabels"]
    for candidate in kube.selected("replicasets", namespace, labels):
        if candidate["metadata"].get("annotations", {}).get(REVISION) == annotations.get(REVISION):
            return candidate
    return None


def ready_pods(kube: Kube, namespace: str, name: str) -> dict[str, dict[str, Any]]:
    """Return the pods of a Deployment that serve, by their names."""
    deployment = kube.get("deployment", name, "--namespace", namespace)
    pods = kube.selected("pods", namespace, deployment["spec"]["selector"]["matchLabels"])
    return {pod["metadata"]["name"]: pod for pod in pods if is_ready(pod)}
