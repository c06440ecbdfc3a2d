"""The current cluster, by Kubescape: the controls of NSA and MITRE."""

from tools.command import exit_with
from tools.scan import kubescape

# Below 100, because the roles and kubelets of K3s itself count as well.
THRESHOLD = 75
NOT_OURS = "default,kube-node-lease,kube-public,kube-system"


def main() -> None:
    """Run the tool."""
    rules = kubescape.arguments("python -m tools.scan.cluster", __doc__)
    kubescape.scan(rules, THRESHOLD, f"--exclude-namespaces={NOT_OURS}")


if __name__ == "__main__":
    exit_with(main)
