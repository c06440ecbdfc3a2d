"""The components that no overlay has by default: an overlay can take them, and they fit it."""

import copy
import re
from functools import cache
from pathlib import Path

import pytest

from api import metrics
from api.app import create_app
from tests.k8s.conftest import ENVIRONMENTS
from tools import overlay
from tools.command import ROOT

COMPONENTS = ROOT / "k8s" / "components"
OPTIONAL = ("external-secrets", "monitoring")
# The figures of kube-state-metrics that the alerts read, beside the API's own.
FOREIGN = {
    "kube_deployment_status_replicas_available",
    "kube_deployment_status_replicas_unavailable",
}
SELECTOR = re.compile(r"([a-z_]+)\{([^}]*)\}")


def enabled(component: str, env: str) -> list[overlay.Object]:
    """Return the objects that a component adds to an overlay, or changes, enabled as it says."""
    return [each for each in with_component(component, env) if each not in overlay.rendered(env)]


def with_component(component: str, env: str) -> list[overlay.Object]:
    """Return an overlay's objects when it has a component more, the caller's own to change."""
    return copy.deepcopy(_rendered_with(component, env))


@cache
def _rendered_with(component: str, env: str) -> list[overlay.Object]:
    return overlay.objects(overlay.render_with(component, env))


@pytest.fixture
def monitoring(env: str) -> list[overlay.Object]:
    return enabled("monitoring", env)


@pytest.fixture
def rules(monitoring: list[overlay.Object]) -> dict[str, overlay.Object]:
    (group,) = overlay.find(monitoring, "PrometheusRule")["spec"]["groups"]
    return {rule["alert"]: rule for rule in group["rules"]}


@pytest.mark.parametrize("component", sorted(path.name for path in COMPONENTS.iterdir()))
def test_a_readme_says_why_how_to_enable_and_how_to_verify(component: str) -> None:
    text = (COMPONENTS / component / "README.md").read_text(encoding="utf-8")
    assert text.startswith(f"# {component}\n")
    for part in ("**Why.**", "**How to enable.**", "**How to verify.**"):
        assert part in text
    assert f"../../components/{component}" in text


def test_the_table_of_components_says_who_has_each() -> None:
    text = (ROOT / "docs" / "architecture.md").read_text(encoding="utf-8")
    told = dict(re.findall(r"^\| \[([\w-]+)\]\(\S+\) \|.*\| ([\w, ]+) \|$", text, re.MULTILINE))
    have: dict[str, list[str]] = {path.name: [] for path in COMPONENTS.iterdir()}
    for env in ENVIRONMENTS:
        path = ROOT / overlay.OVERLAYS / env / "kustomization.yaml"
        for name in re.findall(r"components/([\w-]+)$", path.read_text(), re.MULTILINE):
            have[name].append(env)
    words = {"all": ", ".join(ENVIRONMENTS), "none by default": ""}
    assert {name: words.get(who, who) for name, who in told.items()} == {
        name: ", ".join(envs) for name, envs in have.items()
    }


@pytest.mark.parametrize("component", OPTIONAL)
def test_what_needs_custom_resources_is_in_no_overlay_by_default(component: str) -> None:
    for path in (ROOT / overlay.OVERLAYS).glob("*/kustomization.yaml"):
        assert component not in path.read_text(encoding="utf-8")


@pytest.mark.parametrize("variable", ["DATABASE_PASSWORD_FILE", "ADMIN_TOKEN_FILE"])
def test_the_secrets_are_those_that_the_pods_mount(
    env: str, pods: dict[str, overlay.Object], variable: str
) -> None:
    pod = pods["slipway"]["spec"]
    path = {e["name"]: e["value"] for e in pod["containers"][0]["env"]}[f"SLIPWAY_{variable}"]
    mount = next(
        each
        for each in pod["containers"][0]["volumeMounts"]
        if each["mountPath"] == path.rpartition("/")[0]
    )
    volume = next(each for each in pod["volumes"] if each["name"] == mount["name"])
    name = volume["secret"]["secretName"]

    secret = overlay.find(enabled("external-secrets", env), "ExternalSecret", name)
    assert secret["apiVersion"] == "external-secrets.io/v1"
    assert secret["metadata"]["namespace"] == f"slipway-{env}"
    spec = secret["spec"]
    assert set(spec) == {"refreshInterval", "secretStoreRef", "target", "data"}
    assert spec["secretStoreRef"]["kind"] in ("SecretStore", "ClusterSecretStore")
    assert spec["target"] == {"name": name, "creationPolicy": "Owner"}
    (entry,) = spec["data"]
    assert path.endswith("/" + entry["secretKey"])
    assert set(entry["remoteRef"]) == {"key", "property"}


def test_the_monitor_scrapes_the_port_of_the_service(
    env: str, among: list[overlay.Object], monitoring: list[overlay.Object]
) -> None:
    assert {each["apiVersion"] for each in monitoring} == {"monitoring.coreos.com/v1"}
    assert {each["kind"] for each in monitoring} == {"PrometheusRule", "ServiceMonitor"}
    monitor = overlay.find(monitoring, "ServiceMonitor")
    service = overlay.find(among, "Service")
    assert monitor["metadata"]["namespace"] == service["metadata"]["namespace"] == f"slipway-{env}"
    wanted = monitor["spec"]["selector"]["matchLabels"]
    assert wanted.items() <= service["metadata"]["labels"].items()
    (endpoint,) = monitor["spec"]["endpoints"]
    assert endpoint["port"] in [port["name"] for port in service["spec"]["ports"]]
    assert endpoint["path"] == "/metrics"


def test_every_alert_is_complete(rules: dict[str, overlay.Object]) -> None:
    readme = (COMPONENTS / "monitoring" / "README.md").read_text(encoding="utf-8")
    assert set(rules) == set(re.findall(r"^\| (Slipway\w+) \|", readme, re.MULTILINE))
    for rule in rules.values():
        assert set(rule) <= {"alert", "expr", "for", "labels", "annotations"}
        assert rule["labels"]["severity"] in ("critical", "warning")
        assert set(rule["annotations"]) == {"summary", "description"}
        assert "{{ $labels.namespace }}" in rule["annotations"]["summary"]
        assert rule["expr"].count("(") == rule["expr"].count(")")


@pytest.fixture
def exposed(tmp_path: Path) -> dict[str, set[str]]:
    """The names of the API's own figures, each with its labels."""
    client = create_app({"DATA_DIR": tmp_path / "data"}).test_client()
    client.get("/healthz")
    found: dict[str, set[str]] = {}
    for line in client.get("/metrics").text.splitlines():
        if not line.startswith("#"):
            name, _, labels = line.partition("{")
            found.setdefault(name, set()).update(re.findall(r"(\w+)=\"", labels))
    return found


PROBES_LEFT_OUT = 'route!~"/healthz|/readyz|/metrics"'


def strange(expression: str, exposed: dict[str, set[str]]) -> list[str]:
    """Return the selectors of an expression that nothing exposed matches, or that count probes."""
    return [
        f"{name}{{{matchers}}}"
        for name, matchers in SELECTOR.findall(expression)
        if name not in FOREIGN
        and not (
            set(re.findall(r"(\w+)[=!~]+\"", matchers)) <= exposed.get(name, set()) | {"job"}
            and 'job="slipway"' in matchers
            and ("route" not in exposed[name] or PROBES_LEFT_OUT in matchers)
        )
    ]


def test_alerts_read_only_what_is_exposed(
    rules: dict[str, overlay.Object], exposed: dict[str, set[str]]
) -> None:
    for rule in rules.values():
        assert SELECTOR.search(rule["expr"])
        assert strange(rule["expr"], exposed) == []


@pytest.mark.parametrize(
    ("now", "then"),
    [
        ("slipway_http_requests_total", "slipway_http_request_total"),
        ("status=~", "code=~"),
        ('job="slipway", ', ""),
        ("|/readyz", ""),
    ],
)
def test_an_alert_on_what_does_not_exist_is_noticed(
    exposed: dict[str, set[str]], now: str, then: str
) -> None:
    text = (COMPONENTS / "monitoring" / "prometheusrule.yaml").read_text(encoding="utf-8")
    assert strange(text, exposed) == []
    assert strange(text.replace(now, then), exposed) != []


def test_error_budgets_burn_in_a_long_and_a_short_window(
    rules: dict[str, overlay.Object],
) -> None:
    ratio = re.compile(r'status=~"5\.\."\}\[(\w+)\].*\n.*\[(\w+)\].*\n\s*> ([\d.]+ \* )?0\.001\n')
    burning = {
        name: [(long, factor) for long, same, factor in ratio.findall(rule["expr"]) if long == same]
        for name, rule in rules.items()
        if "ErrorBudget" in name
    }
    assert burning == {
        "SlipwayErrorBudgetBurnsFast": [
            *[("1h", "14.4 * "), ("5m", "14.4 * ")],
            *[("6h", "6 * "), ("30m", "6 * ")],
        ],
        "SlipwayErrorBudgetBurnsSlowly": [
            *[("1d", "3 * "), ("2h", "3 * ")],
            *[("3d", ""), ("6h", "")],
        ],
    }


def test_the_latency_alert_asks_for_a_bound_of_the_histogram(
    rules: dict[str, overlay.Object],
) -> None:
    match = re.search(r"> ([\d.]+)$", rules["SlipwaySlow"]["expr"].strip())
    assert match
    assert float(match[1]) in metrics.BUCKETS, "between two bounds, a quantile is a guess"
