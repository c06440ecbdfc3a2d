"""The chart's values: each has its sentence, and a wrong one is refused."""

import json
import re
from pathlib import Path

import pytest
import yaml

from tests.tools.chart.comparison import helm, template
from tools import overlay
from tools.chart import sources, values
from tools.chart.__main__ import chart as chart_files
from tools.chart.__main__ import commented
from tools.command import ROOT, ToolError
from tools.release import version

SETTINGS = set(overlay.find(sources.base(), "ConfigMap")["data"])


# Wrong values, and what Helm says of each. It says all of them at once, of each value once.
WRONG = [
    {
        "image.digest=sha256:abc": "/image/digest",
        "image.repository=slipway:1.0": "/image/repository",
        "image.tag=not a tag": "/image/tag",
        "image.name=slipway": "'name' not allowed",
        "ingress.host=https://slipway.example.com": "/ingress/host",
        "ingress.tlsSecret=No Name": "/ingress/tlsSecret",
        "replicas.min=0": "/replicas/min",
        "replicas.max=many": "/replicas/max",
        "replicaCount=3": "'replicaCount' not allowed",
        "resources.requests=250m": "/resources/requests",
        "database.port=70000": "/database/port",
        "database.host=": "/database/host",
        "database.sslmode=on": "/database/sslmode",
        "database.password=secret": "'password' not allowed",
        "database.peers=10.0.0.0/8": "/database/peers",
        "secrets.database=": "/secrets/database",
        "settings.SLIPWAY_THREADS=8": "/settings/SLIPWAY_THREADS",
        "settings.SLIPWAY_LOGLEVEL=debug": "'SLIPWAY_LOGLEVEL' not allowed",
        "extraSettings.LOG_LEVEL=debug": "'LOG_LEVEL' not allowed",
        "labels.app\\.kubernetes\\.io/name=other": "'app.kubernetes.io/name'",
        "components.networkPolicy=yes": "/components/networkPolicy",
        "components.network-policy=true": "'network-policy' not allowed",
        "networkPolicy.from=null": "'/networkPolicy'",
        "gateway.parents=null": "'/gateway'",
        "postgresHa.instances=1": "/postgresHa/instances",
        "postgresHa.backups=a bucket": "/postgresHa/backups",
        "externalSecrets.store.kind=Vault": "/externalSecrets/store/kind",
        "notifications.replicas=-1": "/notifications/replicas",
        "postgres.storage=big": "/postgres/storage",
    },
    {"image.digest=latest": "/image/digest", "ingress.host=": "/ingress/host"},
]


@pytest.mark.parametrize("wrong", WRONG)
def test_a_wrong_value_is_refused(chart: Path, wrong: dict[str, str]) -> None:
    done = helm("template", "any", chart, *[f"--set={given}" for given in wrong])

    assert done.returncode != 0, done.stdout
    assert [why for why in wrong.values() if why not in done.stderr] == []


def test_what_a_user_may_say_is_not(chart: Path) -> None:
    allowed = [
        "image.digest=sha256:" + 64 * "0",
        "image.repository=registry.example.com:5000/a/b",
        "ingress.annotations.a/b=c",
        "resources.limits.cpu=null",
        "labels.release=kube-prometheus-stack",
        "global.any=thing",
        "extraSettings.SLIPWAY_NOTIFICATION_PRIVATE_HOSTS=mail.internal",
    ]
    assert template(chart, "any", *[f"--set={given}" for given in allowed])


def test_every_value_has_its_sentence_in_the_table_and_above_itself(chart: Path) -> None:
    readme = (chart / "README.md").read_text(encoding="utf-8")
    beside = " ".join((chart / "values.yaml").read_text(encoding="utf-8").replace("#", "").split())

    for name, each in values.leaves(values.schema()):
        sentence = each["description"]
        assert re.fullmatch(r"[\w`].*\.", sentence), f"{name}: {sentence}"
        assert f"| `{name}` | `{json.dumps(values.defaults()[name])}` | {sentence} |" in readme
        assert sentence in beside


def test_every_value_is_used(chart: Path) -> None:
    texts = "".join(file.read_text() for file in (chart / "templates").rglob("*") if file.is_file())
    unread = [name for name in values.defaults() if f".Values.{name}" not in texts]

    assert unread == ["global"]


def test_an_unknown_map_is_refused_everywhere(chart: Path) -> None:
    schema = json.loads((chart / "values.schema.json").read_text(encoding="utf-8"))

    def maps(node: dict[str, object]) -> list[dict[str, object]]:
        children = node.get("properties", {})
        assert isinstance(children, dict)
        return [node] * bool(children) + [deep for each in children.values() for deep in maps(each)]

    assert [each for each in maps(schema) if each.get("additionalProperties") is not False] == []


def test_a_route_serves_the_host_instead_of_the_ingress(chart: Path) -> None:
    given = ["ingress.enabled=false", "components.gateway=true", "ingress.host=a.example.com"]
    found = template(chart, "any", *[f"--set={each}" for each in given])

    assert overlay.find(found, "HTTPRoute")["spec"]["hostnames"] == ["a.example.com"]
    assert "Ingress" not in {each["kind"] for each in found}


@pytest.mark.parametrize("env", overlay.environments())
def test_an_environments_values_say_what_its_overlay_says(chart: Path, env: str) -> None:
    said = yaml.safe_load((chart / f"values-{env}.yaml").read_text(encoding="utf-8"))

    among = overlay.rendered(env)
    assert said["ingress"]["host"] == overlay.host(among)
    assert said["labels"] == {"env": env}
    assert [name for name, on in said["components"].items() if on] == [
        sources.value(each) for each in values.taken_by(env)
    ]
    image = overlay.find(among, "Deployment")["spec"]["template"]["spec"]["containers"][0]["image"]
    assert said["image"].get("digest", "") == image.partition("@")[2]


def test_the_secrets_have_the_names_that_the_values_say(chart: Path) -> None:
    given = ["secrets.database=one", "secrets.admin=other"]
    given += [f"components.{sources.value(each.name)}=true" for each in sources.components()]
    found = template(chart, "any", *[f"--set={each}" for each in given])

    for each in found:
        del each["metadata"][
            "name"
        ]  # policies and ExternalSecrets are named after what they lead to
    assert {"one", "other"} <= set(re.findall(r"'secretName': '([^']*)'", str(found)))
    assert not re.findall(r"'slipway-(?:database|admin)'", str(found))


def test_every_setting_of_the_base_is_a_value() -> None:
    named = {name.partition(".")[2] for name in values.defaults() if name.startswith("settings.")}

    assert {each for each in SETTINGS if not each.startswith("SLIPWAY_DATABASE_")} == named


def test_a_setting_that_nothing_describes_is_an_error() -> None:
    with pytest.raises(ToolError, match=r"\.env\.example does not describe SLIPWAY_NEW"):
        values.sentence("SLIPWAY_NEW")


def test_a_value_without_a_description_is_an_error(monkeypatch: pytest.MonkeyPatch) -> None:
    found = {**values.defaults_found(), "ingress.path": "/"}
    monkeypatch.setattr(values, "defaults_found", lambda: found)

    with pytest.raises(ToolError, match=r"schema\.yaml does not describe the value ingress\.path"):
        values.defaults.__wrapped__()


def test_the_version_is_the_projects(chart: Path) -> None:
    said = yaml.safe_load((chart / "Chart.yaml").read_text(encoding="utf-8"))

    assert said["version"] == said["appVersion"] == version.current(ROOT)


def test_no_label_is_added_that_kustomize_does_not_add(chart: Path) -> None:
    assert "helm.sh/chart" not in str(template(chart, "any"))
    assert "managed-by" not in str(template(chart, "any"))


def test_two_components_that_exclude_each_other_are_refused(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    rendered = sources.renderings()
    apart = sources.Renderings(rendered.of, (("monitoring", "postgres"),))
    monkeypatch.setattr(sources, "renderings", lambda: apart)
    monkeypatch.setattr(values, "schema", values.schema.__wrapped__)
    for path, text in chart_files(None).items():
        (tmp_path / path).parent.mkdir(parents=True, exist_ok=True)
        (tmp_path / path).write_text(text, encoding="utf-8")
    alone, both = "components.postgres=true", "components.postgres=true,components.monitoring=true"

    assert helm("template", "any", tmp_path, "--set", alone).returncode == 0
    refused = helm("template", "any", tmp_path, "--set", both)

    assert refused.returncode != 0
    assert "/components" in refused.stderr


def test_lint_has_nothing_to_say(chart: Path) -> None:
    done = helm("lint", "--strict", chart)

    assert "0 chart(s) failed" in done.stdout, done.stdout + done.stderr


def test_lint_refuses_what_does_not_render(tmp_path: Path) -> None:
    helm("create", tmp_path / "other")
    (tmp_path / "other" / "templates" / "wrong.yaml").write_text("a: {{ .Values.b.c }}\n", "utf-8")

    assert helm("lint", "--strict", tmp_path / "other").returncode != 0


def test_the_notes_warn_of_an_api_that_reaches_no_database(chart: Path) -> None:
    options: list[str | Path] = ["install", "any", chart, "--dry-run=client", "--set"]

    closed = helm(*options, "components.networkPolicy=true").stdout
    peers = "components.networkPolicy=true,database.peers[0].ipBlock.cidr=10.0.0.0/8"

    assert "WARNING" in closed
    assert "WARNING" not in helm(*options, peers).stdout


def test_a_sentence_stands_above_its_value() -> None:
    schema = {
        "properties": {
            "a": {"properties": {"b": {"description": "What b is."}}},
            "c": {"description": "What c is."},
        }
    }

    lines = commented(schema, {"a": {"b": 1}, "c": {"d": "e"}})

    assert lines == ["a:", "  # What b is.", "  b: 1", "# What c is.", "c:", "  d: e"]
