"""References: what exists, what somebody else makes, and what is a mistake."""

from __future__ import annotations

from pathlib import Path

import pytest

from gitops.checks import selectors
from gitops.checks.cluster import has
from gitops.checks.operators import made, table
from gitops.checks.unknown import is_misspelt, is_open
from gitops.objects import Object
from tests.gitops.judged import context, judged

NAMESPACED = "metadata: {name: %s, namespace: shop}"


def pod(spec: str = "", name: str = "shop", image: str = "shop:1", ports: str = "") -> str:
    """A Deployment with a pod of one container."""
    return f"""
---
apiVersion: apps/v1
kind: Deployment
{NAMESPACED % name}
spec:
  selector: {{matchLabels: {{app: {name}}}}}
  template:
    metadata: {{labels: {{app: {name}}}}}
    spec: {{containers: [{{name: app, image: "{image}", ports: [{ports}]{spec}}}]}}
"""


def probed(ready: str, alive: str, spec: str = "", how: str = "httpGet") -> str:
    """A Deployment with two probes of a container that has the port 8080."""
    probes = f", readinessProbe: {{{how}: {{port: {ready}}}}}"
    probes += f", livenessProbe: {{{how}: {{port: {alive}}}}}"
    return pod(probes + spec, ports="{containerPort: 8080}")


def uses(secret: str, kind: str = "secret") -> str:
    """A Deployment that takes its environment from a Secret or ConfigMap."""
    return pod(f", envFrom: [{{{kind}Ref: {{name: '{secret}'}}}}]")


def thing(version: str, kind: str, name: str, spec: str = "{}", metadata: str = "") -> str:
    """An object in the namespace shop."""
    head = f"metadata: {{name: {name}, namespace: shop{metadata}}}"
    return f"\n---\napiVersion: {version}\nkind: {kind}\n{head}\nspec: {spec}\n"


def service(name: str = "shop", ports: str = "{port: 80}", selector: str = "app: shop") -> str:
    return thing("v1", "Service", name, f"{{selector: {{{selector}}}, ports: [{ports}]}}")


ROUTE = "gateway.networking.k8s.io/v1"
TRAEFIK = "traefik.io/v1alpha1"
ISTIO = "networking.istio.io/v1"
WEBHOOK = """
---
apiVersion: admissionregistration.k8s.io/v1
kind: %sWebhookConfiguration
metadata: {name: check}
webhooks: [{clientConfig: {service: {name: %s, namespace: shop, port: %s}}}]
"""
SHOP = pod(ports="{name: http, containerPort: 8080}") + service(
    ports="{name: web, port: 80, targetPort: http}"
)
INGRESS = thing(
    "networking.k8s.io/v1", "Ingress", "shop",
    "{defaultBackend: {service: {name: %s, port: {%s}}}}",
)  # fmt: skip

# What refers to the Service shop, to something that does not exist, and what is said of that.
POINTERS: list[tuple[str, str, str]] = [
    (INGRESS % ("shop", "number: 80"), INGRESS % ("shap", "number: 80"), "no Service shap"),
    (INGRESS % ("shop", "name: web"), INGRESS % ("shop", "name: wed"), "no port wed"),
    (INGRESS % ("shop", "number: 80"), INGRESS % ("shop", "number: 81"), "no port 81"),
    *(
        (
            thing(ROUTE, kind, "r", "{rules: [{backendRefs: [{name: shop, port: 80}]}]}"),
            thing(ROUTE, kind, "r", "{rules: [{backendRefs: [{name: shop, port: 8O}]}]}"),
            "backendRefs: Service shop has no port 8O",
        )
        for kind in ("HTTPRoute", "GRPCRoute", "TCPRoute", "TLSRoute")
    ),
    (
        thing(ROUTE, "HTTPRoute", "r", "{rules: [{backendRefs: [{name: shop, namespace: shop}]}]}"),
        thing(ROUTE, "HTTPRoute", "r", "{rules: [{backendRefs: [{name: shap, namespace: shop}]}]}"),
        "no Service shap in shop",
    ),
    (
        thing(TRAEFIK, "IngressRoute", "r", "{routes: [{services: [{name: shop, port: web}]}]}"),
        thing(TRAEFIK, "IngressRoute", "r", "{routes: [{services: [{name: shop, port: http}]}]}"),
        "services: Service shop has no port http",
    ),
    (
        thing(TRAEFIK, "IngressRouteTCP", "r", "{routes: [{services: [{name: shop, port: 80}]}]}"),
        thing(TRAEFIK, "IngressRouteTCP", "r", "{routes: [{services: [{name: shap, port: 80}]}]}"),
        "no Service shap",
    ),
    *(
        (
            thing(
                ISTIO, "VirtualService", "v", f"{{http: [{{route: [{{destination: {good}}}]}}]}}"
            ),
            thing(ISTIO, "VirtualService", "v", f"{{http: [{{route: [{{destination: {bad}}}]}}]}}"),
            said,
        )
        for good, bad, said in (
            ("{host: shop}", "{host: shap}", "host: there is no Service shap"),
            ("{host: shop, port: {number: 80}}", "{host: shop, port: {number: 8}}", "no port 8"),
            (
                "{host: shop.shop.svc.cluster.local}",
                "{host: shap.shop.svc.cluster.local}",
                "no Service shap in shop",
            ),
        )
    ),
    (
        thing(ISTIO, "DestinationRule", "d", "{host: shop}"),
        thing(ISTIO, "DestinationRule", "d", "{host: shap}"),
        "no Service shap",
    ),
    *(
        (WEBHOOK % (kind, "shop", 80), WEBHOOK % (kind, *bad), said)
        for kind in ("Validating", "Mutating")
        for bad, said in ((("shap", 80), "no Service shap in shop"), (("shop", 443), "no port 443"))
    ),
    (
        thing(
            "apiregistration.k8s.io/v1",
            "APIService",
            "v1.a",
            "{service: {name: shop, namespace: shop, port: 80}}",
        ),
        thing(
            "apiregistration.k8s.io/v1",
            "APIService",
            "v1.a",
            "{service: {name: shap, namespace: shop, port: 80}}",
        ),
        "no Service shap",
    ),
    *(
        (thing(*kind, "s", good), thing(*kind, "s", bad), said)
        for kind in (("autoscaling/v2", "HorizontalPodAutoscaler"), ("keda.sh/v1", "ScaledObject"))
        for good, bad, said in (
            (
                "{scaleTargetRef: {kind: Deployment, name: shop}}",
                "{scaleTargetRef: {kind: Deployment, name: shap}}",
                "scaleTargetRef: there is no Deployment shap",
            ),
        )
    ),
    (
        thing("flagger.app/v1beta1", "Canary", "c", "{targetRef: {kind: Deployment, name: shop}}"),
        thing("flagger.app/v1beta1", "Canary", "c", "{targetRef: {kind: Deployment, name: shap}}"),
        "targetRef: there is no Deployment shap",
    ),
    (
        thing("keda.sh/v1alpha1", "ScaledObject", "s", "{scaleTargetRef: {name: shop}}"),
        thing("keda.sh/v1alpha1", "ScaledObject", "s", "{scaleTargetRef: {name: shap}}"),
        "no Deployment shap",
    ),
    (
        thing(
            "autoscaling.k8s.io/v1",
            "VerticalPodAutoscaler",
            "s",
            "{targetRef: {kind: Deployment, name: shop, apiVersion: apps/v1}}",
        ),
        thing(
            "autoscaling.k8s.io/v1",
            "VerticalPodAutoscaler",
            "s",
            "{targetRef: {kind: Deployment, name: shop, apiVersion: apps/v2}}",
        ),
        "of apps/v2: it is of apps/v1",
    ),
    (
        thing(
            "monitoring.coreos.com/v1",
            "PodMonitor",
            "m",
            "{selector: {matchLabels: {app: shop}}, podMetricsEndpoints: [{port: http}]}",
        ),
        thing(
            "monitoring.coreos.com/v1",
            "PodMonitor",
            "m",
            "{selector: {matchLabels: {app: shop}}, podMetricsEndpoints: [{port: htto}]}",
        ),
        "podMetricsEndpoints: no pod has a port htto",
    ),
    (
        thing(
            "monitoring.coreos.com/v1", "PodMonitor", "m", "{selector: {matchLabels: {app: shop}}}"
        ),
        thing(
            "monitoring.coreos.com/v1", "PodMonitor", "m", "{selector: {matchLabels: {app: shap}}}"
        ),
        "selector selects nothing: app=shap",
    ),
    (
        thing(
            "argoproj.io/v1alpha1",
            "Rollout",
            "r",
            "{workloadRef: {kind: Deployment, name: shop},"
            " strategy: {canary: {stableService: shop}}}",
        ),
        thing(
            "argoproj.io/v1alpha1",
            "Rollout",
            "r",
            "{workloadRef: {kind: Deployment, name: shop},"
            " strategy: {canary: {stableService: shap}}}",
        ),
        "stableService: there is no Service shap",
    ),
    (
        thing("kustomize.toolkit.fluxcd.io/v1", "Kustomization", "k", "{dependsOn: []}"),
        thing("kustomize.toolkit.fluxcd.io/v1", "Kustomization", "k", "{dependsOn: [{name: l}]}"),
        "dependsOn: there is no Kustomization l",
    ),
]


@pytest.mark.parametrize("number", range(len(POINTERS)))
def test_what_points_at_a_service_or_workload_is_followed(tmp_path: Path, number: int) -> None:
    good, bad, said = POINTERS[number]
    assert judged(tmp_path, a=SHOP + good) == []
    (message,) = judged(tmp_path, a=SHOP + bad)
    assert said in message


# Kinds of workloads, by the place of the pod's template.
TEMPLATE = "{metadata: {labels: {app: shop}}, spec: {containers: [{name: app, image: a, %s}]}}"
WORKLOADS = {
    ("apps/v1", "DaemonSet"): "{selector: {matchLabels: {app: shop}}, template: %s}",
    ("batch/v1", "Job"): "{template: %s}",
    ("batch/v1", "CronJob"): "{jobTemplate: {spec: {template: %s}}}",
    ("argoproj.io/v1alpha1", "Rollout"): "{template: %s}",
    ("serving.knative.dev/v1", "Service"): "{template: %s}",
    ("apps.kruise.io/v1alpha1", "CloneSet"): "{template: %s}",
    ("keda.sh/v1alpha1", "ScaledJob"): "{jobTargetRef: {template: %s}}",
    ("jobset.x-k8s.io/v1alpha2", "JobSet"):
        "{replicatedJobs: [{template: {spec: {template: %s}}}]}",
    ("kubeflow.org/v1", "PyTorchJob"): "{pytorchReplicaSpecs: {Worker: {template: %s}}}",
    ("leaderworkerset.x-k8s.io/v1", "LeaderWorkerSet"):
        "{leaderWorkerTemplate: {workerTemplate: %s}}",
    ("example.com/v1", "Widget"): "{pod: {template: %s}}",
}  # fmt: skip


@pytest.mark.parametrize("kind", WORKLOADS)
def test_a_workload_is_known_by_the_template_of_its_pods(
    tmp_path: Path, kind: tuple[str, str]
) -> None:
    ports = "ports: [{name: http, containerPort: 80}]"
    good = thing(*kind, "shop", WORKLOADS[kind] % TEMPLATE % ports)
    pdb = thing("policy/v1", "PodDisruptionBudget", "p", "{selector: {matchLabels: {app: shop}}}")
    assert judged(tmp_path, a=good + service(ports="{port: 80, targetPort: http}") + pdb) == []
    bad = thing(*kind, "shop", WORKLOADS[kind] % TEMPLATE % "envFrom: [{configMapRef: {name: x}}]")
    assert [each for each in judged(tmp_path, a=bad) if "no ConfigMap x" in each]


# What an operator makes, the object that it makes it from, and what is misspelt.
MAKERS: list[tuple[str, str, str]] = [
    (thing("postgresql.cnpg.io/v1", "Cluster", "db"), "db-app", "db-apq"),
    (
        thing("postgres-operator.crunchydata.com/v1beta1", "PostgresCluster", "db",
              "{users: [{name: stock}]}"),
        "db-pguser-stock", "db-pguser-stick",
    ),
    (
        thing("acid.zalan.do/v1", "postgresql", "db", "{users: {shop_app: [login]}}"),
        "shop-app.db.credentials.postgresql.acid.zalan.do",
        "shop.db.credentials.postgresql.acid.zalan.do",
    ),
    (thing("kafka.strimzi.io/v1beta2", "Kafka", "k"), "k-cluster-ca-cert", "k-cluster-ca-cart"),
    (thing("kafka.strimzi.io/v1beta2", "KafkaUser", "reader"), "reader", "writer"),
    (thing("rabbitmq.com/v1beta1", "RabbitmqCluster", "mq"), "mq-default-user", "mq-user"),
    (
        thing("mongodbcommunity.mongodb.com/v1", "MongoDBCommunity", "m",
              "{users: [{name: app, db: admin, connectionStringSecretName: m-url}]}"),
        "m-admin-app", "m-admin-apq",
    ),
    (thing("k8s.mariadb.com/v1alpha1", "MariaDB", "db"), "db-root", "db-boot"),
    (
        thing("elasticsearch.k8s.elastic.co/v1", "Elasticsearch", "es"),
        "es-es-elastic-user", "es-elastic-user",
    ),
    (
        thing("cert-manager.io/v1", "Certificate", "c", "{secretName: tls}"),
        "tls", "tlz",
    ),
    (thing("external-secrets.io/v1", "ExternalSecret", "e", "{target: {name: keys}}"), "keys", "k"),
    (thing("external-secrets.io/v1", "ExternalSecret", "keys"), "keys", "kezs"),
    (thing("bitnami.com/v1alpha1", "SealedSecret", "keys"), "keys", "kezs"),
    (
        thing("secrets.hashicorp.com/v1beta1", "VaultStaticSecret", "v",
              "{destination: {name: keys, create: true}}"),
        "keys", "kezs",
    ),
    (
        thing("isindir.github.com/v1alpha3", "SopsSecret", "s",
              "{secretTemplates: [{name: keys}]}"),
        "keys", "kezs",
    ),
    (
        thing("networking.k8s.io/v1", "Ingress", "i", "{tls: [{secretName: tls}]}",
              ", annotations: {cert-manager.io/cluster-issuer: le}"),
        "tls", "tlz",
    ),
    (
        thing("v1", "Service", "s", "{}",
              ", annotations: {service.beta.openshift.io/serving-cert-secret-name: cert}"),
        "cert", "cart",
    ),
]  # fmt: skip


@pytest.mark.parametrize("number", range(len(MAKERS)))
def test_what_an_operator_makes_is_there_and_what_it_does_not_make_is_not(
    tmp_path: Path, number: int
) -> None:
    maker, right, wrong = MAKERS[number]
    assert judged(tmp_path, a=maker + uses(right)) == []
    assert judged(tmp_path, a=maker + uses(wrong)) == [
        f"Deployment shop, container app: there is no Secret {wrong}"
    ]


@pytest.mark.parametrize(
    ("env", "missing"),
    [
        ("{name: A, value: b}, {name: B, value: $(A)/c}", ""),
        ("{name: B, value: $(A)/c}, {name: A, value: b}", "A"),
        ("{name: B, value: $(NAME)}", "NAME"),
        ("{name: B, value: $$(NAME)}, {name: C, value: $(CACHE_SERVICE_HOST)}", ""),
        ("{name: B, value: $(NAME)}], envFrom: [{secretRef: {name: own, optional: true}}", ""),
    ],
)
def test_a_variable_in_the_value_of_another_one_is_set_before_it(
    tmp_path: Path, env: str, missing: str
) -> None:
    said = f"variable B: there is no variable {missing} before it"
    found = judged(tmp_path, a=pod(f", env: [{env}]"))
    assert [each.rpartition("app, ")[2] for each in found] == ([said] if missing else [])


def test_every_name_that_an_operator_gives_can_be_written_out() -> None:
    for group, kinds in table().items():
        for kind in kinds:
            data = {"apiVersion": f"{group}/v1", "kind": kind, "metadata": {"name": "a"}}
            for what, name in made(Object(data)):
                assert what[0].isupper()
                assert "{" not in name


def test_the_pods_of_an_operator_have_the_name_of_its_resource(tmp_path: Path) -> None:
    cluster = thing("postgresql.cnpg.io/v1", "Cluster", "db")
    budget = "{selector: {matchLabels: {cnpg.io/cluster: %s}}}"
    for name, count in (("db", 0), ("dc", 1)):
        policy = thing("policy/v1", "PodDisruptionBudget", "p", budget % name)
        assert len(judged(tmp_path, a=cluster + policy)) == count


def test_the_pods_of_an_operator_have_its_kind_in_their_recommended_label(tmp_path: Path) -> None:
    prometheus = thing("monitoring.coreos.com/v1", "Prometheus", "k8s")
    peer = "{to: [{podSelector: {matchLabels: {app.kubernetes.io/name: %s}}}]}"
    assert judged(tmp_path, a=prometheus + POLICY % peer % "prometheus") == []
    assert len(judged(tmp_path, a=prometheus + POLICY % peer % "prometheuz")) == 1


@pytest.mark.parametrize(
    ("spec", "said"),
    [
        ("{selector: {matchLabels: {a: b}}, endpoints: [{port: web}]}", ""),
        (
            "{selector: {matchLabels: {a: b}}, endpoints: [{port: wed}]}",
            "no Service has a port wed",
        ),
        ("{selector: {matchLabels: {a: c}}, endpoints: [{port: web}]}", "selects no Service: a=c"),
        # Services of another namespace, of which nothing is known.
        (
            "{selector: {matchLabels: {a: c}}, namespaceSelector: {matchNames: [kube-system]},"
            " endpoints: [{port: metrics}]}",
            "",
        ),
    ],
)
def test_a_service_monitor_has_services_with_its_ports(
    tmp_path: Path, spec: str, said: str
) -> None:
    shop = pod() + thing(
        "v1",
        "Service",
        "shop",
        "{selector: {app: shop}, ports: [{name: web, port: 80}]}",
        ", labels: {a: b}",
    )
    told = judged(tmp_path, a=shop + thing("monitoring.coreos.com/v1", "ServiceMonitor", "m", spec))
    assert [each for each in told if said in each] if said else told == []


def test_what_a_controller_that_is_not_known_makes_from_a_resource_is_not_judged(
    tmp_path: Path,
) -> None:
    widget = thing("example.com/v1", "Widget", "w")
    assert judged(tmp_path, a=widget + uses("w-credentials")) == []
    assert len(judged(tmp_path, a=widget + uses("credentials"))) == 1


CLAIMS = thing(
    "apps/v1", "StatefulSet", "db",
    "{serviceName: db, selector: {matchLabels: {app: db}}, "
    "volumeClaimTemplates: [{metadata: {name: data}}], "
    "template: {metadata: {labels: {app: db}}, spec: {containers: [{name: a, image: a}]}}}",
) + service("db", "{port: 1}", "app: db")  # fmt: skip
VOLUME = thing(
    "v1", "Pod", "reader",
    "{volumes: [{name: v, persistentVolumeClaim: {claimName: %s}}], "
    "containers: [{name: a, image: a, volumeMounts: [{name: v, mountPath: /v}]}]}",
)  # fmt: skip


@pytest.mark.parametrize(
    ("text", "said"),
    [
        (CLAIMS + VOLUME % "data-db-0", ""),
        (CLAIMS + VOLUME % "data-dc-0", "no PersistentVolumeClaim data-dc-0"),
        (CLAIMS + service("x", selector="app: db, statefulset.kubernetes.io/pod-name: db-0"), ""),
        (
            CLAIMS + service("x", selector="app: db, statefulset.kubernetes.io/pod-name: dc-0"),
            "selector selects nothing",
        ),
        # A Job that has the labels of what serves is not what a Service is for.
        (
            pod(ports="{name: http, containerPort: 80}")
            + thing("batch/v1", "Job", "migrate", WORKLOADS["batch/v1", "Job"] % TEMPLATE % "")
            + service(ports="{port: 80, targetPort: http}"),
            "",
        ),
        (pod() + service(ports="{port: 80, targetPort: http}"), "Deployment shop has no port http"),
        # Probes: a number that another probe contradicts, unless the program is told of it.
        (probed("8080", "8081"), "the container has no port 8081"),
        (probed("8080", "8081", how="grpc"), "the container has no port 8081"),
        (probed("8080", "8080"), ""),
        (probed("8081", "8081"), ""),
        (probed("8080", "8081", ", args: ['--health=:8081']"), ""),
        (probed("8080", "8081", ", env: [{name: HEALTH, value: '8081'}]"), ""),
        # Numbers: containers need not declare them, but if nothing fits, something is wrong.
        (pod(ports="{containerPort: 80}") + service(ports="{port: 80}"), ""),
        (pod() + service(ports="{port: 80}"), ""),
        (
            pod(ports="{containerPort: 8080}") + service(ports="{port: 80, targetPort: 8081}"),
            "targetPort: Deployment shop has no port 8081",
        ),
        (
            pod(ports="{containerPort: 80}") + service(ports="{port: 80}, {port: 9090}"),
            "",
        ),
        (service("ext", "{port: 1}", "").replace("selector: {}", "type: ExternalName"), ""),
        # Values that somebody fills in later.
        (uses("${CLUSTER}-vars"), ""),
        (uses("$(NAME)"), ""),
        (uses("{{ .Values.name }}"), ""),
        (uses("<secret-name>"), ""),
        (uses("ENC[AES256_GCM,data:bmFtZQ==,iv:A=,tag:A==,type:str]"), ""),
        (service(selector='app: "${APP}"'), ""),
        (INGRESS % ('"${APP}"', "number: 80"), ""),
        # What every cluster has.
        (pod(", volumeMounts: [], env: [{name: A, valueFrom: {configMapKeyRef: "
             "{name: kube-root-ca.crt, key: ca.crt}}}]"), ""),
        # Data that comes from elsewhere: nothing is known of its keys.
        (
            "\napiVersion: v1\nkind: Secret\nmetadata: {name: t, namespace: shop}\n"
            "type: kubernetes.io/service-account-token\n"
            + pod(", env: [{name: A, valueFrom: {secretKeyRef: {name: t, key: token}}}]"),
            "",
        ),
        (
            "\napiVersion: v1\nkind: Secret\nmetadata: {name: t, namespace: shop}\n"
            "data: {a: b}\n"
            + pod(", env: [{name: A, valueFrom: {secretKeyRef: {name: t, key: token}}}]"),
            "Secret t has no key token",
        ),
        # Charts may make anything in their namespace, but hardly what is nearly another's name.
        (
            thing("helm.toolkit.fluxcd.io/v2", "HelmRelease", "redis") + uses("redis-auth"),
            "",
        ),
        (
            thing("helm.toolkit.fluxcd.io/v2", "HelmRelease", "redis", "{targetNamespace: b}")
            + uses("redis-auth"),
            "no Secret redis-auth",
        ),
        (
            thing("helm.cattle.io/v1", "HelmChart", "r")
            + thing("v1", "Secret", "keys") + uses("kezs"),
            "no Secret kezs",
        ),
    ],
)  # fmt: skip
def test_what_is_certainly_wrong_is_told_and_what_nobody_can_know_is_not(
    tmp_path: Path, text: str, said: str
) -> None:
    told = judged(tmp_path, a=text)
    assert [each for each in told if said in each] if said else told == []


HASHED = "\napiVersion: v1\nkind: %s\nmetadata: {name: conf-b9t2424hkf, namespace: shop}\n"


@pytest.mark.parametrize(
    ("kind", "spec", "count"),
    [
        ("ConfigMap", "{template: {envFrom: [{configMapRef: {name: conf}}]}}", 1),
        ("ConfigMap", "{configMapName: conf}", 1),
        ("ConfigMap", "{from: {configMap: {name: conf, key: a}}}", 1),
        ("Secret", "{secretName: conf}", 1),
        ("Secret", "{auth: {secretRef: {name: conf}}}", 1),
        ("ConfigMap", "{configMapName: conf-b9t2424hkf}", 0),
        ("ConfigMap", "{name: conf}", 0),
        ("Secret", "{configMapName: conf}", 0),
    ],
)
def test_a_hash_that_does_not_reach_a_custom_resource_is_told(
    tmp_path: Path, kind: str, spec: str, count: int
) -> None:
    told = judged(tmp_path, a=HASHED % kind + thing("example.com/v1", "Widget", "w", spec))
    assert told == [f"Widget w names {kind} conf, which is conf-b9t2424hkf"] * count


RULES = "{name: %s, namespace: %s}"
BINDING = (
    "\n---\napiVersion: rbac.authorization.k8s.io/v1\nkind: %s\n"
    "metadata: {name: b, namespace: %s}\n"
    "roleRef: {kind: %s, name: %s}\nsubjects: [{kind: ServiceAccount, name: %s, namespace: %s}]\n"
)


@pytest.mark.parametrize(
    ("kind", "namespace", "role", "account", "said"),
    [
        ("RoleBinding", "kube-system", ("Role", "extension-apiserver-authentication-reader"),
         ("default", "shop"), ""),
        ("RoleBinding", "kube-system", ("Role", "extension-apiserver-authentication-raeder"),
         ("default", "shop"), "no Role"),
        ("ClusterRoleBinding", "", ("ClusterRole", "view"),
         ("horizontal-pod-autoscaler", "kube-system"), ""),
        ("ClusterRoleBinding", "", ("ClusterRole", "system:node"), ("default", "shop"), ""),
        ("ClusterRoleBinding", "", ("ClusterRole", "viev"), ("default", "shop"), "no ClusterRole"),
        # Nothing is known of this namespace.
        ("RoleBinding", "shop", ("ClusterRole", "view"), ("prometheus", "monitoring"), ""),
        ("RoleBinding", "shop", ("ClusterRole", "view"), ("shap", "shop"), "ServiceAccount shap"),
    ],
)  # fmt: skip
def test_roles_and_accounts_of_kubernetes_itself_are_known(
    tmp_path: Path,
    kind: str,
    namespace: str,
    role: tuple[str, str],
    account: tuple[str, str],
    said: str,
) -> None:
    told = judged(tmp_path, a=pod() + BINDING % (kind, namespace, *role, *account))
    assert (said in "".join(told)) if said else told == []


def test_what_every_cluster_has_is_known_by_kind_name_and_namespace() -> None:
    assert has("ConfigMap", "kube-root-ca.crt", "anywhere")
    assert has("PriorityClass", "system-node-critical", "")
    assert has("Service", "kubernetes", "default")
    assert not has("Service", "kubernetes", "shop")
    assert not has("ServiceAccount", "horizontal-pod-autoscaler", "shop")


POLICY = thing("networking.k8s.io/v1", "NetworkPolicy", "n", "{podSelector: {}, egress: [%s]}")
TO = "{to: [{namespaceSelector: {matchLabels: %s}, podSelector: {matchLabels: %s}}]}"


@pytest.mark.parametrize(
    ("rule", "said"),
    [
        (TO % ("{kubernetes.io/metadata.name: kube-system}", "{k8s-app: kube-dns}"), ""),
        (TO % ("{kubernetes.io/metadata.name: kube-system}", "{k8s-app: kube-dnz}"), "k8s-app"),
        (TO % ("{kubernetes.io/metadata.name: kube-systen}", "{k8s-app: kube-dns}"), "kube-systen"),
        (TO % ("{kubernetes.io/metadata.name: monitoring}", "{app: prometheus}"), ""),
        (TO % ("{kubernetes.io/metadata.name: shop}", "{app: shop}"), ""),
        (TO % ("{kubernetes.io/metadata.name: shop}", "{app: shap}"), "app=shap"),
        (TO % ("{kubernetes.io/metadata.name: shop}", "{}"), ""),
        (TO % ("{kubernetes.io/metadata.name: shpp}", "{}"), "shpp"),
        (TO % ("{team: a}", "{app: shap}"), ""),
        (TO % ("{kubernetes.io/netadata.name: shop}", "{app: shop}"), "netadata"),
        ("{to: [{podSelector: {matchLabels: {app: shap}}}]}", "app=shap"),
        ("{to: [{podSelector: {matchLabels: {app: shop}}}], ports: [{port: 80}]}", ""),
        ("{to: [{podSelector: {matchLabels: {app: shop}}}], ports: [{port: 81}]}", ""),
        ("{to: [{podSelector: {matchLabels: {app: shop}}}], ports: [{port: htto}]}", "no pod"),
        ("{}], ingress: [{ports: [{port: 80}, {port: 81}]}", ""),
        ("{}], ingress: [{ports: [{port: 81}]}", "no pod that it applies to has a port 81"),
        ("{to: [{ipBlock: {cidr: 0.0.0.0/0}}]}", ""),
    ],
)
def test_the_peers_of_a_policy_are_those_that_are_known(
    tmp_path: Path, rule: str, said: str
) -> None:
    told = judged(tmp_path, a=pod(ports="{containerPort: 80}") + POLICY % rule)
    assert (said in "".join(told)) if said else told == []


@pytest.mark.parametrize(
    ("overlays", "count"),
    [
        # Two applications of one namespace, an application and what is for all, two environments.
        ({"apps__shop": SHOP, "apps__ingress": INGRESS % ("shop", "number: 80")}, 0),
        ({"shop__prod": SHOP, "ingress__prod": INGRESS % ("shop", "number: 80")}, 0),
        ({"shop__prod": SHOP, "ingress": INGRESS % ("shop", "number: 80")}, 0),
        ({"shop__dev": SHOP, "ingress__prod": INGRESS % ("shop", "number: 80")}, 1),
        ({"dev__shop": SHOP, "prod__shop": pod() + INGRESS % ("shop", "number: 80")}, 1),
        # What differs between two overlays with the same objects names environments.
        (
            {
                "shop__eu": SHOP + uses("x", "secret").replace("name: shop,", "name: two,"),
                "shop__us": SHOP + uses("x", "secret").replace("name: shop,", "name: two,"),
                "keys__eu": thing("v1", "Secret", "x"),
            },
            1,
        ),
        # Another namespace.
        (
            {
                "a": SHOP.replace("namespace: shop", "namespace: b"),
                "c": INGRESS % ("shop", "name: web"),
            },
            1,
        ),
        # An operator, and its pods, in another application.
        (
            {"db": thing("postgresql.cnpg.io/v1", "Cluster", "db"), "shop": uses("db-app")},
            0,
        ),
    ],
)  # fmt: skip
def test_overlays_that_a_cluster_has_together_are_one_scope(
    tmp_path: Path, overlays: dict[str, str], count: int
) -> None:
    told = judged(tmp_path, **overlays)
    assert len(told) == count, told


def test_a_name_that_gitops_yaml_declares_is_there(tmp_path: Path) -> None:
    assert judged(tmp_path, "Secret/keys", a=uses("keys")) == []
    assert judged(tmp_path, "Pods/app=x", a=service(selector="app: x")) == []


def test_what_gitops_yaml_declares_of_a_namespace_makes_it_known(tmp_path: Path) -> None:
    declared = "Pods/app=prometheus,kubernetes.io/metadata.name=monitoring"
    for labels, count in (("{app: prometheus}", 0), ("{app: promeuheus}", 1)):
        text = pod() + POLICY % (TO % ("{kubernetes.io/metadata.name: monitoring}", labels))
        assert len(judged(tmp_path, declared, a=text)) == count


def test_the_paths_of_argo_cd_and_flux_are_followed(tmp_path: Path) -> None:
    (tmp_path / "apps/shop").mkdir(parents=True)
    source = "{source: {repoURL: https://git.example.com/a, path: %s}}"
    argo = ("argoproj.io/v1alpha1", "Application")
    good, bad = (thing(*argo, name, source % f"apps/{name}") for name in ("shop", "shap"))
    (told,) = judged(tmp_path, a=good + bad)
    assert told == "Application shap, path: there is no folder apps/shap"
    # Nothing says that the other repository is this one.
    assert judged(tmp_path, a=bad) == []
    flux = ("kustomize.toolkit.fluxcd.io/v1", "Kustomization")
    spec = "{path: ./apps/%s, sourceRef: {kind: GitRepository, name: flux-system}}"
    good, bad = (thing(*flux, name, spec % name) for name in ("shop", "shap"))
    (told,) = judged(tmp_path, a=good + bad)
    assert told == "Kustomization shap, path: there is no folder ./apps/shap"


@pytest.mark.parametrize(
    ("version", "kind", "spec"),
    [
        (
            "kustomize.toolkit.fluxcd.io/v1",
            "Kustomization",
            "{sourceRef: {kind: GitRepository, name: %s}}",
        ),
        (
            "helm.toolkit.fluxcd.io/v2",
            "HelmRelease",
            "{chart: {spec: {sourceRef: {kind: GitRepository, name: %s}}}}",
        ),
        (
            "helm.toolkit.fluxcd.io/v2",
            "HelmRelease",
            "{chartRef: {kind: GitRepository, name: %s}}",
        ),
    ],
)
def test_a_source_of_flux_that_is_misspelt_is_told(
    tmp_path: Path, version: str, kind: str, spec: str
) -> None:
    source = thing("source.toolkit.fluxcd.io/v1", "GitRepository", "charts")
    assert judged(tmp_path, a=source + thing(version, kind, "shop", spec % "charts")) == []
    # Who runs the cluster may have made another one.
    assert judged(tmp_path, a=source + thing(version, kind, "shop", spec % "platform")) == []
    (told,) = judged(tmp_path, a=source + thing(version, kind, "shop", spec % "chartt"))
    assert told.endswith("Ref: there is no GitRepository chartt")


@pytest.mark.parametrize(
    ("name", "known", "expected"),
    [
        ("shap", "shop", True),
        ("shopp", "shop", True),
        ("shp-db", "shop-db", True),
        ("sohp", "shop", True),
        ("shop-1", "shop-2", False),
        ("shops", "shop", False),
        ("shop", "shop", False),
        ("stock", "shop", False),
        ("db", "dc", False),
    ],
)
def test_a_name_is_misspelt_if_one_letter_is_wrong(name: str, known: str, expected: bool) -> None:
    assert is_misspelt(name, [known]) is expected


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("${A}", True), ("a-${A:=b}", True), ("$(A)", True), ("{{ .a }}", True), ("<a>", True),
        ("CHANGE_ME", True), ("changeme", True), ("@NAME@", True), ("a@b", False), ("shop", False),
        ("ENC[AES256_GCM,data:a]", True), (1, False),
    ],
)  # fmt: skip
def test_a_value_that_is_filled_in_later_is_open(text: object, expected: bool) -> None:
    assert is_open(text) is expected


@pytest.mark.parametrize(("port", "severity"), [("8081", "warning"), ("http", "error")])
def test_the_number_of_a_port_may_be_right_though_nobody_declares_it(
    tmp_path: Path, port: str, severity: str
) -> None:
    target = service(ports=f"{{port: 80, targetPort: {port}}}")
    policy = thing(
        "networking.k8s.io/v1",
        "NetworkPolicy",
        "p",
        f"{{podSelector: {{matchLabels: {{app: shop}}}}, ingress: [{{ports: [{{port: {port}}}]}}]"
        "}",
    )
    asked = context(tmp_path, {"prod": pod(ports="{containerPort: 8080}") + target + policy})
    assert [each.severity for each in selectors.check(asked)] == [severity, severity]
