"""Who must be able to talk to whom in an environment, and a longer list of who must not."""

from tests.k8s.network import End, Flow
from tools import overlay

NAME, COMPONENT = "app.kubernetes.io/name", "app.kubernetes.io/component"
PORT, DATABASE_PORT = 8888, 5432
TRAEFIK = End("10.42.0.5", "kube-system", {NAME: "traefik"})
PROMETHEUS = End("10.42.0.6", "monitoring", {NAME: "prometheus"})
DNS = End("10.42.0.7", "kube-system", {"k8s-app": "kube-dns"}, {"dns": 53})
API_SERVER = End("10.43.0.1")
METADATA_SERVICE = End("169.254.169.254")
INTERNET = End("203.0.113.9")
PRIVATE = End("10.20.30.40")
MANAGED = {each.address: each for each in (PRIVATE, End("172.16.5.5"), End("192.168.7.7"))}
Flows = dict[str, Flow]


def pod(env: str, kind: str, name: str) -> End:
    template = overlay.find(overlay.rendered(env), kind, name)["spec"]["template"]
    ports = template["spec"]["containers"][0]["ports"]
    return End(
        "10.42.0.10",
        f"slipway-{env}",
        template["metadata"]["labels"],
        {each["name"]: each["containerPort"] for each in ports},
    )


def database(env: str) -> End:
    """Dev's own database, or the pod that would be one in the others."""
    if env == "dev":
        return pod(env, "StatefulSet", "postgres")
    labels = {NAME: "postgres", COMPONENT: "database"}
    return End("198.51.100.9", f"slipway-{env}", labels, {"postgres": DATABASE_PORT})


def must_pass(env: str) -> Flows:
    api = pod(env, "Deployment", "slipway")
    databases = {"postgres": database(env)} if env == "dev" else MANAGED
    return {
        "ingress controller to API": Flow(TRAEFIK, api, PORT),
        "Prometheus to API": Flow(PROMETHEUS, api, PORT),
        "API to DNS": Flow(api, DNS, 53, "UDP"),
        "API to DNS, long answers": Flow(api, DNS, 53, "TCP"),
        **{f"API to {name}": Flow(api, end, DATABASE_PORT) for name, end in databases.items()},
    }


def strangers(env: str) -> Flows:
    """What a pod that no policy means must not do, however like ours its labels are."""
    api, postgres = pod(env, "Deployment", "slipway"), database(env)
    labels = {
        "a pod by hand": {NAME: "stranger"},
        "another component of slipway": {NAME: "slipway"},
        "the API of another application": {COMPONENT: "api"},
        "another component of postgres": {NAME: "postgres"},
        "the database of another application": {COMPONENT: "database"},
    }
    flows: Flows = {}
    for name, its in labels.items():
        ports = {"http": PORT, "postgres": DATABASE_PORT}
        stranger = End("198.51.100.8", f"slipway-{env}", its, ports)
        flows |= {
            f"{name} to API": Flow(stranger, api, PORT),
            f"{name} to postgres": Flow(stranger, postgres, DATABASE_PORT),
            f"{name} to a managed database": Flow(stranger, PRIVATE, DATABASE_PORT),
            f"{name} to DNS": Flow(stranger, DNS, 53, "UDP"),
            f"{name} to the internet": Flow(stranger, INTERNET, 443),
            f"API to {name}": Flow(api, stranger, DATABASE_PORT),
            f"ingress controller to {name}": Flow(TRAEFIK, stranger, PORT),
            f"Prometheus to {name}": Flow(PROMETHEUS, stranger, PORT),
        }
    return flows


def must_not_pass(env: str) -> Flows:
    api, postgres = pod(env, "Deployment", "slipway"), database(env)
    sources = {
        "API": api,
        "a pod of another namespace": End("10.42.0.13", "default"),
        "the API of another environment": End("10.42.0.14", "slipway-other", api.labels),
        "a pod called traefik elsewhere": End("10.42.0.15", "default", TRAEFIK.labels),
        "a pod called traefik here": End("10.42.0.16", f"slipway-{env}", TRAEFIK.labels),
        "traefik of monitoring": End("10.42.0.17", "monitoring", TRAEFIK.labels),
        "the rest of kube-system": DNS,
        "a pod called prometheus elsewhere": End("10.42.0.18", "default", PROMETHEUS.labels),
        "the rest of monitoring": End("10.42.0.19", "monitoring", {NAME: "grafana"}),
        "the internet": INTERNET,
    }
    kube_dns_elsewhere = End("10.42.0.20", "default", DNS.labels)
    return {
        **{f"{name} to API": Flow(end, api, PORT) for name, end in sources.items()},
        "ingress controller to another port of API": Flow(TRAEFIK, api, 9000),
        "Prometheus to another port of API": Flow(PROMETHEUS, api, 22),
        "ingress controller to API by UDP": Flow(TRAEFIK, api, PORT, "UDP"),
        "API to the internet": Flow(api, INTERNET, 443),
        "API to a database on the internet": Flow(api, INTERNET, DATABASE_PORT),
        "API to the metadata service": Flow(api, METADATA_SERVICE, 80),
        "API to the API server": Flow(api, API_SERVER, 443),
        "API to a DNS server on the internet": Flow(api, INTERNET, 53, "UDP"),
        "API to a pod called kube-dns elsewhere": Flow(api, kube_dns_elsewhere, 53, "UDP"),
        "API to the rest of kube-system": Flow(api, TRAEFIK, 53),
        "API to DNS' own figures": Flow(api, DNS, 9153),
        "API to DNS' own figures by UDP": Flow(api, DNS, 9153, "UDP"),
        "API to a private address, another port": Flow(api, PRIVATE, 443),
        "API to a private address, by UDP": Flow(api, PRIVATE, DATABASE_PORT, "UDP"),
        "API to another port of postgres": Flow(api, postgres, 22),
        "API's labels elsewhere to postgres": Flow(
            sources["the API of another environment"], postgres, DATABASE_PORT
        ),
        "ingress controller to postgres": Flow(TRAEFIK, postgres, DATABASE_PORT),
        "Prometheus to postgres": Flow(PROMETHEUS, postgres, DATABASE_PORT),
        "the internet to postgres": Flow(INTERNET, postgres, DATABASE_PORT),
        "postgres to the internet": Flow(postgres, INTERNET, 443),
        "postgres to DNS": Flow(postgres, DNS, 53, "UDP"),
        "postgres to API": Flow(postgres, api, PORT),
        **strangers(env),
    }
