"""The Grafana dashboard shows what the service exports and what the API answers."""

import re
from collections.abc import Iterator
from itertools import combinations
from typing import Any

import pytest
from flask.testing import FlaskClient
from prometheus_client.parser import text_string_to_metric_families

from api.notifier import Notifier
from tests.api.conftest import ADMIN_TOKEN, bearer, json_of
from tools import dashboard

SAMPLE = re.compile(r"\b([a-z_]+)\{([^}]*)\}")
# Prometheus adds these to whatever it scrapes in a cluster.
OF_THE_SCRAPE = {"namespace", "job", "pod"}


def targets(kind: str) -> Iterator[dict[str, Any]]:
    for panel in dashboard.dashboard()["panels"]:
        for target in panel.get("targets", ()):
            if target["datasource"]["type"] == kind:
                yield target


@pytest.fixture
def exported(sqlite_client: FlaskClient) -> dict[str, set[str]]:
    """Return the labels of each sample that the API and the notifier export, by its name."""
    sqlite_client.get("/api/v1/matrix", headers=bearer("made-up"))
    place = {"service": "checkout", "environment": "prod", "version": "1.0"}
    assert sqlite_client.post("/api/v1/deployments", json=place).status_code == 201
    notifier = Notifier(sqlite_client.application.extensions["database"], [])
    families = list(notifier.registry.collect())
    families += text_string_to_metric_families(sqlite_client.get("/metrics").text)
    found: dict[str, set[str]] = {}
    for family in families:
        for sample in family.samples:
            found.setdefault(sample.name, set()).update(sample.labels)
    return found


def test_the_file_is_what_make_dashboard_writes() -> None:
    assert dashboard.FILE.read_text(encoding="utf-8") == dashboard.text()


def test_every_query_asks_for_what_is_exported_by_labels_that_it_has(
    exported: dict[str, set[str]],
) -> None:
    for target in targets(dashboard.PROMETHEUS):
        samples = SAMPLE.findall(target["expr"])
        assert samples, target["expr"]
        for name, selector in samples:
            assert name in exported, name
            known = exported[name] | OF_THE_SCRAPE
            grouped = re.findall(r"by \(([^)]*)\)", target["expr"])
            shown = re.findall(r"\{\{(\w+)\}\}", target["legendFormat"])
            asked = {*re.findall(r"(\w+)(?:=|!)", selector), *shown}
            asked |= {label for labels in grouped for label in labels.split(", ")}
            assert asked <= known, target["expr"]


def test_everything_that_the_service_itself_exports_is_shown(
    exported: dict[str, set[str]],
) -> None:
    asked = " ".join(target["expr"] for target in targets(dashboard.PROMETHEUS))
    own = {name for name in exported if name.startswith("slipway_")}
    parts = {name for name in own if re.search(r"_(sum|count|created)$", name)}

    assert {name for name in own - parts if name not in asked} == set()


def test_every_field_is_one_that_the_api_answers(sqlite_client: FlaskClient) -> None:
    headers = bearer(ADMIN_TOKEN)
    selectors = set()
    for target in targets(dashboard.INFINITY):
        url = target["url"].replace("${__from:date:iso}", "2026-03-01T00:00:00.000Z")
        url = url.replace("${__to:date:iso}", "2026-03-20T00:00:00.000Z")
        answer: Any = json_of(sqlite_client.get(url, headers=headers))
        for name in target["root_selector"].split("."):
            answer = answer[name]
        for column in target["columns"]:
            value = answer[0]
            for name in column["selector"].split("."):
                value = value[name]
            selectors.add(column["selector"].partition(".")[0])

    assert selectors == {"from", *answer[0]} - {"to"}


def test_the_panels_have_ids_of_their_own_and_do_not_overlap() -> None:
    panels = dashboard.dashboard()["panels"]
    assert len({panel["id"] for panel in panels}) == len(panels)
    for one, other in combinations([panel["gridPos"] for panel in panels], 2):
        beside = one["x"] + one["w"] <= other["x"] or other["x"] + other["w"] <= one["x"]
        above = one["y"] + one["h"] <= other["y"] or other["y"] + other["h"] <= one["y"]
        assert beside or above
