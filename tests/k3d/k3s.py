"""What K3d reads in the containers of K3s, its load balancer and its registry."""

import json

KUBECONFIG = {
    "apiVersion": "v1",
    "kind": "Config",
    "current-context": "default",
    "clusters": [{"name": "default", "cluster": {"server": "https://127.0.0.1:6443"}}],
    "users": [{"name": "default", "user": {"token": "none"}}],
    "contexts": [{"name": "default", "context": {"cluster": "default", "user": "default"}}],
}
# What is in a server of K3s once it runs, and K3d reads.
FILES = {
    "/etc/hosts": b"127.0.0.1 localhost\n",
    "/output/kubeconfig.yaml": json.dumps(KUBECONFIG).encode(),
    "/var/lib/rancher/k3s/server/manifests/coredns.yaml": b"kind: ConfigMap\ndata: {}\n",
}
# What a container logs once it is up, by its role: K3d waits for it.
LOGS = {
    "server": "k3s is up and running\nCluster dns configmap has been set\n",
    "loadbalancer": "start worker processes\n",
    "registry": "listening on [::]:5000\n",
}
