"""The JSON Schema of gitops.yaml accepts what is read, and refuses what is refused."""

from __future__ import annotations

import json
from pathlib import Path

import jsonschema
import pytest
import yaml

from gitops.config import SECTIONS, Config
from gitops.config_schema import DESCRIPTIONS, schema
from gitops.errors import GitopsError
from tools.command import ROOT

FILE = ROOT / "gitops" / "gitops.schema.json"
OURS = [*(ROOT / "k8s").rglob("gitops.yaml"), *(ROOT / "tests").rglob("gitops.yaml")]
TEXTS = (
    "environments: [dev, prod]",
    "environments: dev",
    "environments: [[dev]]",
    "environments: ['']",
    "environments: [1, true]",
    "parity: [{what: x, only: [dev], reason: y}]",
    "parity: [{what: x, reason: y}]",
    "parity: [{what: x, only: dev, reason: y}]",
    "parity: [{what: x, only: [dev], reason: ''}]",
    "parity: [{what: x, only: [dev], reason: y, file: z}]",
    "parity: {}",
    "external: [{what: x, reason: y}]",
    "external: [{what: x, only: [dev], reason: ' '}]",
    "external: [x]",
    "external: [{what: 1, reason: true}]",
    "accepted: [{rule: inert, what: x, file: y, reason: z}]",
    "accepted: [{rule: inret, what: x, reason: z}]",
    "accepted: [{rule: inert, what: x}]",
    "optional: [{what: x, only: [dev], reason: y}]",
    "optional: [{what: x, reason: y}]",
    "build: [{what: x, options: --enable-helm}]",
    "build: [{what: x, options: [--enable-helm]}]",
    "build: [{what: x, reason: y}]",
    "pins: {tag-is-enough: [dev]}",
    "pins: {}",
    "pins: {tags-are-enough: [dev]}",
    "pins: [dev]",
    "schemas: {locations: [default], kubernetes: [1.37.0, 1.36]}",
    "schemas: {locations: default}",
    "promotion: {soak: 30m, cosign-key: cosign.pub}",
    "promotion: {soak: [30m]}",
    "promotion: {soak: null}",
    "partiy: []",
    "[]",
)


def test_the_file_is_the_schema() -> None:
    assert json.loads(FILE.read_text(encoding="utf-8")) == schema(), "make rule-pages"
    jsonschema.Draft202012Validator.check_schema(schema())


def test_every_key_is_described_and_no_other() -> None:
    written = json.dumps(schema())

    assert {*schema()["properties"]} == SECTIONS
    assert all(json.dumps(text)[1:-1] in written for text in DESCRIPTIONS.values())


@pytest.mark.parametrize("text", TEXTS)
def test_it_accepts_what_is_read_and_refuses_what_is_refused(tmp_path: Path, text: str) -> None:
    (tmp_path / "gitops.yaml").write_text(text)
    try:
        Config.read(tmp_path)
        is_read = True
    except GitopsError:
        is_read = False

    assert jsonschema.Draft202012Validator(schema()).is_valid(yaml.safe_load(text)) == is_read


@pytest.mark.parametrize("file", OURS, ids=lambda file: str(file.relative_to(ROOT)))
def test_it_accepts_those_of_this_repository(file: Path) -> None:
    jsonschema.validate(yaml.safe_load(file.read_text(encoding="utf-8")), schema())
