"""What every cluster has: accounts, roles, configuration and pods of Kubernetes itself."""

from __future__ import annotations

import re
from typing import Any

SYSTEM = "kube-system"
NAMESPACES = ("default", SYSTEM, "kube-public", "kube-node-lease")
# https://kubernetes.io/docs/reference/access-authn-authz/rbac/#default-roles-and-role-bindings
ROLES = (
    *("admin", "cluster-admin", "edit", "view"),
    # OpenShift's
    *("basic-user", "cluster-monitoring-view", "cluster-reader", "self-provisioner"),
)
# Names of these kinds that begin with `system` are Kubernetes' own.
RESERVED = ("ClusterRole", "Role", "ClusterRoleBinding", "PriorityClass")
# In every namespace; of some, the controller of a mesh or a platform sees to that.
EVERYWHERE = {
    ("ServiceAccount", "default"),
    ("ConfigMap", "kube-root-ca.crt"),
    ("ConfigMap", "openshift-service-ca.crt"),
    ("ConfigMap", "istio-ca-root-cert"),
}
IN_NAMESPACE = {
    ("Service", "kubernetes", "default"),
    ("Service", "kube-dns", SYSTEM),
    ("ConfigMap", "cluster-info", "kube-public"),
    *(
        ("ConfigMap", name, SYSTEM)
        for name in (
            *("coredns", "extension-apiserver-authentication", "kube-proxy"),
            *("kubeadm-config", "kubelet-config"),
        )
    ),
    *(
        ("Role", name, SYSTEM)
        for name in ("extension-apiserver-authentication-reader", "kube-proxy")
    ),
}
# The controllers of kube-controller-manager, each with an account of its own.
# https://github.com/kubernetes/kubernetes/blob/master/cmd/kube-controller-manager/names
CONTROLLERS = {
    *("attachdetach-controller", "bootstrap-signer", "certificate-controller", "coredns"),
    *("clusterrole-aggregation-controller", "cronjob-controller", "daemon-set-controller"),
    *("deployment-controller", "disruption-controller", "endpoint-controller"),
    *("endpointslice-controller", "endpointslicemirroring-controller", "expand-controller"),
    *("ephemeral-volume-controller", "generic-garbage-collector", "horizontal-pod-autoscaler"),
    *("job-controller", "kube-dns", "kube-proxy", "metrics-server", "namespace-controller"),
    *("node-controller", "persistent-volume-binder", "pod-garbage-collector"),
    *("pv-protection-controller", "pvc-protection-controller", "replicaset-controller"),
    *("replication-controller", "resourcequota-controller", "root-ca-cert-publisher"),
    *("service-account-controller", "service-controller", "statefulset-controller"),
    *("token-cleaner", "ttl-after-finished-controller", "ttl-controller"),
}
# The namespaces of OpenShift, in which its operators make accounts.
OPENSHIFT = "openshift-"
# The labels of pods that every distribution gives them, by namespace.
PODS: dict[str, tuple[dict[str, str], ...]] = {
    SYSTEM: (
        {"k8s-app": "kube-dns"},
        {"k8s-app": "coredns"},
        {"k8s-app": "node-local-dns"},
        {"k8s-app": "kube-proxy"},
        {"k8s-app": "metrics-server"},
        *(
            {"component": name, "tier": "control-plane"}
            for name in ("etcd", "kube-apiserver", "kube-controller-manager", "kube-scheduler")
        ),
    ),
    "openshift-dns": ({"dns.operator.openshift.io/daemonset-dns": "default"},),
}
# What platforms and their charts call their Services.
SERVICE = re.compile(
    r"argocd-server|argo-rollouts-dashboard|kube-prometheus-stack-.*|(?:prometheus|alertmanager)-operated"
    r"|ingress-nginx-controller.*|longhorn-frontend|kubernetes-dashboard.*|hubble-ui|rook-ceph-.*"
)
# cert-manager starts it wherever it answers a challenge.
SOLVER = {"acme.cert-manager.io/http01-solver": "true"}


def has(kind: str, name: str, namespace: str) -> bool:
    """Tell whether every cluster has an object of this name."""
    reserved = name.startswith(("system:", "system-"))
    if (reserved and kind in RESERVED) or (kind == "ClusterRole" and name in ROLES):
        return True
    if kind == "ServiceAccount" and namespace == SYSTEM and name in CONTROLLERS:
        return True
    if kind == "ServiceAccount" and namespace.startswith(OPENSHIFT):
        return True
    if kind == "Namespace" and name in NAMESPACES:
        return True
    return (kind, name) in EVERYWHERE or (kind, name, namespace) in IN_NAMESPACE


def has_pods(labels: dict[str, Any], namespace: str) -> bool:
    """Tell whether every cluster has pods with these labels in a namespace."""
    known = (*PODS.get(namespace, ()), SOLVER)
    return bool(labels) and any(labels.items() <= each.items() for each in known)
