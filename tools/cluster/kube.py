"""The current cluster, through kubectl."""

import json
import os
import subprocess
import sys
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

from tools.command import ToolError, exit_with, failure, run, say
from tools.overlay import selector

MISSING = "install kubectl, see https://kubernetes.io/docs/tasks/tools"


@dataclass(frozen=True)
class Kube:
    """A kube context, kept for all of a tool's calls even if the current one changes meanwhile."""

    context: str

    def argv(self, *args: str) -> list[str]:
        """Return the command line of a kubectl call."""
        return ["kubectl", "--context", self.context, *args]

    def run(self, *args: str, stdin: str | None = None) -> str:
        """Return the output of kubectl. Raises ToolError with its reason when it fails."""
        done = run(self.argv(*args), stdin=stdin, missing=MISSING)
        if done.returncode:
            raise failure(done, f"kubectl {args[0]}")
        return done.stdout

    def get(self, *args: str) -> dict[str, Any]:
        """Return the object or list that `kubectl get` finds."""
        found: dict[str, Any] = json.loads(self.run("get", "--output", "json", *args))
        return found

    def selected(self, kind: str, namespace: str, labels: dict[str, str]) -> list[dict[str, Any]]:
        """Return the objects of a kind that have these labels."""
        scope = ("--namespace", namespace, "--selector", selector(labels))
        found: list[dict[str, Any]] = self.get(kind, *scope)["items"]
        return found

    def show(self, *args: str, stdin: str | None = None) -> bool:
        """Run kubectl with its output shown; return whether it succeeded."""
        sys.stdout.flush()
        done = subprocess.run(self.argv(*args), input=stdin, text=True, check=False)
        return done.returncode == 0


def current() -> Kube:
    """Return the current context, to be read only, and print its name."""
    done = run(["kubectl", "config", "current-context"], missing=MISSING)
    context = done.stdout.strip()
    if done.returncode or not context:
        raise ToolError(
            "no kube context is current: `make cluster` makes one, "
            "`kubectl config use-context NAME` chooses one"
        )
    say(f"context: {context}")
    return Kube(context)


def connect() -> Kube:
    """Return the current context and print its name.

    A context whose name contains `prod` raises ToolError unless CONFIRM=yes is in the environment.
    """
    kube = current()
    if "prod" in kube.context.lower() and os.environ.get("CONFIRM") != "yes":
        raise ToolError(
            f"the context {kube.context} looks like production: set CONFIRM=yes to go on"
        )
    return kube


def is_ready(pod: dict[str, Any]) -> bool:
    """Return whether a pod serves: its Ready condition is true and it is not being deleted."""
    conditions = pod.get("status", {}).get("conditions", [])
    ready = any(
        condition["type"] == "Ready" and condition["status"] == "True" for condition in conditions
    )
    return ready and "deletionTimestamp" not in pod["metadata"]


def explain(kube: Kube, namespace: str) -> None:
    """Print what explains a failure: objects, events, and descriptions and logs of troubled pods.

    If no pod is in trouble, all are shown. Never raises: something else has already failed.
    """
    scope = ("--namespace", namespace)
    say(f"\n--- why: pods and events of {namespace} ---")
    kube.show("get", "pods,replicasets,hpa,pvc", *scope, "--output", "wide")
    kube.show("get", "events", *scope, "--sort-by", ".metadata.creationTimestamp")
    try:
        pods = kube.get("pods", *scope)["items"]
    except ToolError as error:
        say(str(error))
        return
    for pod in [candidate for candidate in pods if not is_ready(candidate)] or pods:
        name = pod["metadata"]["name"]
        say(f"\n--- why: pod {name} ---")
        kube.show("describe", "pod", name, *scope)
        for container, previous in _logs(pod):
            say(f"\n--- why: log of {' '.join([name, container, *previous])} ---")
            kube.show("logs", name, "--container", container, "--tail", "60", *scope, *previous)


def _logs(pod: dict[str, Any]) -> Iterator[tuple[str, list[str]]]:
    """Yield the containers that have a log, with kubectl's option for the one before a restart."""
    status = pod.get("status", {})
    for container in [
        *status.get("initContainerStatuses", []),
        *status.get("containerStatuses", []),
    ]:
        if container["restartCount"]:
            yield container["name"], ["--previous"]
        if container["restartCount"] or "waiting" not in container["state"]:
            yield container["name"], []


def main() -> None:
    """Check that the current cluster answers: `make deploy` asks before it builds an image."""
    connect().run("version", "--request-timeout", "10s")


if __name__ == "__main__":
    exit_with(main)
