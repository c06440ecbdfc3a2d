"""Print what explains the state of a whole cluster: events, objects, descriptions and logs."""

from tools.cluster.kube import Kube, current
from tools.command import exit_with

EVERYWHERE = "--all-namespaces"


def diagnose(kube: Kube) -> None:
    """Print everything, as far as the cluster gives it: a part that fails says so itself."""
    kube.show("get", "events", EVERYWHERE, "--sort-by=.lastTimestamp")
    kube.show("get", "all,ingress,persistentvolumeclaim", EVERYWHERE, "--output=wide")
    kube.show("describe", "pods", EVERYWHERE)
    for pod in kube.get("pods", EVERYWHERE)["items"]:
        scope = ("--namespace", pod["metadata"]["namespace"])
        containers = ("--all-containers", "--prefix", "--tail=200")
        kube.show("logs", pod["metadata"]["name"], *scope, *containers)


def main() -> None:
    """Run the tool."""
    diagnose(current())


if __name__ == "__main__":
    exit_with(main)
