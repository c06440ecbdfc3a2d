"""Controls that can be read off manifests: what passes is what the rules of Kubescape say, by id.

Those of its frameworks NSA and MITRE, which the hosted scan holds the overlays to, and others that
cost nothing. What it does not ask, and this repository does, has a name. `judge` also tells what a
control looks at: one that looks at nothing always passes.
"""

import base64
import re
from collections import Counter
from collections.abc import Callable, Iterator
from typing import Any

from tests.k8s.network import selects

Object = dict[str, Any]
Objects = list[Object]

WORKLOADS = ("Deployment", "StatefulSet", "DaemonSet", "Job", "CronJob", "Pod")
CREDENTIAL = re.compile("key|secret|password|pwd|token|jwt|bearer|credential", re.IGNORECASE)
CREDENTIAL_VALUE = re.compile("PRIVATE KEY|eyJhbGciO|JWT|Bearer|_key_|_secret_")
DIGEST = re.compile(r"@sha256:[0-9a-f]{64}$")
RBAC = "rbac.authorization.k8s.io/"
COMMON = {"app", "tier", "phase", "version", "owner", "env"}


def setting(container: Object, pod: Object, key: str) -> Any:
    """Return a setting of a container's security context or, if it has none, of its pod's."""
    own: Object = container.get("securityContext", {})
    return own.get(key, pod.get("securityContext", {}).get(key))


def plain_and_decoded(value: str) -> str:
    """Return a value, and what it is the Base64 of if it is."""
    try:
        return f"{value}\n{base64.b64decode(value, validate=True).decode('latin-1')}"
    except ValueError:
        return value


def is_credential(key: str, value: str) -> bool:
    looks = CREDENTIAL.search(key) or CREDENTIAL_VALUE.search(plain_and_decoded(value))
    return bool(value and looks)


def no_credential(container: Object, _pod: Object) -> bool:
    given = {each["name"]: each.get("value", "") for each in container.get("env", [])}
    return not any(
        is_credential(key, value) and not value.startswith("/") for key, value in given.items()
    )


def not_root(container: Object, pod: Object) -> bool:
    user, group = (setting(container, pod, key) for key in ("runAsUser", "runAsGroup"))
    by_name = setting(container, pod, "runAsNonRoot") is True
    return (by_name or user not in (None, 0)) and group not in (None, 0)


def no_writable_host_path(container: Object, pod: Object) -> bool:
    of_host = {each["name"] for each in pod.get("volumes", []) if "hostPath" in each}
    mounts = container.get("volumeMounts", [])
    return all(each.get("readOnly") for each in mounts if each["name"] in of_host)


def seccomp(container: Object, pod: Object) -> str:
    return str((setting(container, pod, "seccompProfile") or {}).get("type", ""))


def pulled_when_it_may_have_moved(container: Object, _pod: Object) -> bool:
    image, policy = container["image"].rpartition("/")[2], container.get("imagePullPolicy")
    moving = "@" not in image and (":" not in image or image.endswith(":latest"))
    return not moving or policy not in ("IfNotPresent", "Never")


def resource(part: str, what: str) -> Callable[[Object, Object], Any]:
    return lambda container, _pod: container.get("resources", {}).get(part, {}).get(what)


def variables_once(container: Object, _pod: Object) -> bool:
    return max(Counter(each["name"] for each in container.get("env", [])).values(), default=1) == 1


def from_secret(container: Object) -> bool:
    return any("secretKeyRef" in each.get("valueFrom", {}) for each in container.get("env", []))


# Of each container, with the specification of its pod.
CONTAINER: dict[str, Callable[[Object, Object], Any]] = {
    "C-0012": no_credential,
    "C-0013": not_root,
    "C-0016": lambda c, p: setting(c, p, "allowPrivilegeEscalation") is False,
    "C-0017": lambda c, p: setting(c, p, "readOnlyRootFilesystem") is True,
    "C-0018": lambda c, p: "readinessProbe" in c or c in p.get("initContainers", []),
    "C-0044": lambda c, _: not any("hostPort" in each for each in c.get("ports", [])),
    "C-0045": no_writable_host_path,
    # Any capability at all, where Kubescape has a list: none is needed here.
    "C-0046": lambda c, p: not (setting(c, p, "capabilities") or {}).get("add"),
    "C-0055": lambda c, p: seccomp(c, p) in ("RuntimeDefault", "Localhost"),
    "C-0056": lambda c, p: "livenessProbe" in c or c in p.get("initContainers", []),
    "C-0057": lambda c, p: setting(c, p, "privileged") is not True,
    "C-0075": pulled_when_it_may_have_moved,
    "C-0207": lambda c, _: not from_secret(c),
    "C-0210": lambda c, p: seccomp(c, p) == "RuntimeDefault",
    "C-0268": resource("requests", "cpu"),
    "C-0269": resource("requests", "memory"),
    "C-0270": resource("limits", "cpu"),
    "C-0271": resource("limits", "memory"),
    "C-0295": variables_once,
    "C-0306": lambda c, _: DIGEST.search(c["image"]),
    "drops all capabilities": lambda c, p: (
        (setting(c, p, "capabilities") or {}).get("drop") == ["ALL"]
    ),
    "no environment from a Secret": lambda c, _: (
        not any("secretRef" in each for each in c.get("envFrom", []))
    ),
}


def template(workload: Object) -> Object:
    found: Object = workload if workload["kind"] == "Pod" else workload["spec"]["template"]
    return found


def pod(workload: Object) -> Object:
    spec: Object = template(workload)["spec"]
    return spec


def policies_of(workload: Object, among: Objects) -> Objects:
    labels = template(workload)["metadata"].get("labels", {})
    return [
        each
        for each in among
        if each["kind"] == "NetworkPolicy"
        and each["metadata"]["namespace"] == workload["metadata"]["namespace"]
        and selects(each["spec"]["podSelector"], labels)
    ]


def labelled(workload: Object, known: Callable[[str], bool]) -> bool:
    return any(map(known, workload["metadata"].get("labels", {})))


# Of each workload, among all objects.
WORKLOAD: dict[str, Callable[[Object, Objects], Any]] = {
    "C-0030": lambda w, o: any(each["spec"].get("policyTypes") for each in policies_of(w, o)),
    "C-0034": lambda w, _: pod(w).get("automountServiceAccountToken") is False,
    "C-0038": lambda w, _: not (pod(w).get("hostPID") or pod(w).get("hostIPC")),
    "C-0041": lambda w, _: not pod(w).get("hostNetwork"),
    "C-0048": lambda w, _: not any("hostPath" in each for each in pod(w).get("volumes", [])),
    "C-0061": lambda w, _: w["metadata"].get("namespace", "default") != "default",
    "C-0073": lambda w, _: w["kind"] != "Pod",
    "C-0076": lambda w, _: labelled(w, COMMON.__contains__),
    "C-0077": lambda w, _: labelled(w, lambda key: key.startswith("app.kubernetes.io/")),
    "C-0260": policies_of,
    "C-0296": lambda w, _: selects(w["spec"]["selector"], template(w)["metadata"]["labels"]),
}


def names(among: Objects, kind: str) -> set[str]:
    return {each["metadata"]["name"] for each in among if each["kind"] == kind}


def selects_some(selector: Object, among: Objects) -> bool:
    pods = [template(each) for each in among if each["kind"] in WORKLOADS]
    return any(selects(selector, each["metadata"]["labels"]) for each in pods)


def backends(ingress: Object) -> set[str]:
    paths = [path for rule in ingress["spec"]["rules"] for path in rule["http"]["paths"]]
    return {path["backend"]["service"]["name"] for path in paths}


# Of each object of a kind, among all objects.
KIND: dict[str, tuple[str, Callable[[Object, Objects], Any]]] = {
    "C-0012": (
        "ConfigMap",
        lambda each, _: not any(is_credential(*given) for given in each["data"].items()),
    ),
    "C-0054": (
        "Namespace",
        lambda each, o: any(
            policy["metadata"]["namespace"] == each["metadata"]["name"]
            for policy in o
            if policy["kind"] == "NetworkPolicy"
        ),
    ),
    "C-0263": ("Ingress", lambda each, _: each["spec"].get("tls")),
    "C-0293": (
        "Service",
        lambda each, o: selects_some({"matchLabels": each["spec"]["selector"]}, o),
    ),
    "C-0298": ("Ingress", lambda each, o: backends(each) <= names(o, "Service")),
    "C-0299": ("NetworkPolicy", lambda each, o: selects_some(each["spec"]["podSelector"], o)),
    "C-0300": (
        "HorizontalPodAutoscaler",
        lambda each, o: (
            each["spec"]["scaleTargetRef"]["name"]
            in names(o, each["spec"]["scaleTargetRef"]["kind"])
        ),
    ),
    "C-0305": (
        "Deployment",
        lambda each, _: each["spec"].get("strategy", {}).get("type") == "RollingUpdate",
    ),
}
# Of each object. Nothing here asks the API server, so nothing has rights to.
OBJECT: dict[str, Callable[[Object], Any]] = {
    "no rights": lambda each: (
        each["kind"] != "ServiceAccount" and not each["apiVersion"].startswith(RBAC)
    ),
    "no snippet for the ingress controller": lambda each: (
        not any(key.endswith("-snippet") for key in each["metadata"].get("annotations", {}))
    ),
}
CONTROLS = sorted({*CONTAINER, *WORKLOAD, *KIND, *OBJECT})


def judge(control: str, among: Objects) -> Iterator[tuple[str, bool]]:
    """Yield what a control looks at, and whether that passes."""
    for each in among:
        name = f"{each['kind']} {each['metadata']['name']}"
        kind, passes = KIND.get(control, ("", lambda *_: True))
        if each["kind"] == kind:
            yield name, bool(passes(each, among))
        if control in OBJECT:
            yield name, bool(OBJECT[control](each))
        if each["kind"] in WORKLOADS:
            if control in WORKLOAD:
                yield name, bool(WORKLOAD[control](each, among))
            if control in CONTAINER:
                spec = pod(each)
                for container in spec.get("initContainers", []) + spec["containers"]:
                    passed = bool(CONTAINER[control](container, spec))
                    yield f"{name}, container {container['name']}", passed
