"""The rules file: checked at start."""

from __future__ import annotations

from pathlib import Path

import pytest
from pydantic import ValidationError

from api.app import create_app
from api.domain.events.mapper import LeftOutError, Mapper, UnmappedNameError
from api.domain.events.names import slug
from api.domain.events.rules import SourceRules
from api.settings import SettingsError


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("- 1", "must be a mapping from sources to rules"),
        ("a: [", "is not YAML"),
        ("jenkins: {}", "jenkins: is not a source; the sources are "),
        ("github: {servce: x}", "github.servce"),
        ("github: {service: '{repository'}", "unmatched brace"),
        ("github: {service: '{}'}", "is not a field path"),
        ("github: {service: ''}", "must not be empty"),
        ("github: {environments: {a: Not A Name}}", "github.environments.a"),
        ("github: {environments: {'???': prod}}", "'???' can never match"),
        ("github: {services: {'-*': null}}", "'-*' can never match"),
        ("github: {environments: {Prod: prod, prod: live}}", "'prod' is prod here"),
        ("github: {images: ['acme/*']}", "github names no images"),
        ("argocd: {images: ['acme/checkout:1']}", "'acme/checkout:1' can never match"),
        ("argocd: {images: ['Acme/*']}", "'Acme/*' can never match"),
        ("argorollouts: {images: ['']}", "'' can never match"),
        ("github: 5", "github:"),
    ],
)
def test_a_file_that_is_wrong_says_where(tmp_path: Path, text: str, said: str) -> None:
    file = tmp_path / "rules.yaml"
    file.write_text(text)

    with pytest.raises(SettingsError) as raised:
        create_app({"EVENT_RULES_FILE": file})

    assert "SLIPWAY_EVENT_RULES_FILE" in str(raised.value)
    assert said in str(raised.value)


def test_a_file_that_is_missing_is_an_error(tmp_path: Path) -> None:
    with pytest.raises(SettingsError, match="cannot be read"):
        create_app({"EVENT_RULES_FILE": tmp_path / "none.yaml"})


def test_what_the_file_does_not_say_is_as_the_adapter_has_it(tmp_path: Path) -> None:
    file = tmp_path / "rules.yaml"
    file.write_text("github: {service: 'all-{repository.name}'}")

    rules = create_app({"EVENT_RULES_FILE": file}).extensions["event_rules"]["github"]

    assert rules.service == "all-{repository.name}"
    assert rules.environment == "{deployment_status.environment|deployment.environment}"


def test_a_template_takes_the_first_field_that_has_a_text() -> None:
    mapper = Mapper(SourceRules(service="{a.b|c|d}-{e}"))

    assert mapper.name("service", {"a": 1, "c": "", "d": 7, "e": "X y"}) == "7-x-y"
    with pytest.raises(UnmappedNameError, match="service"):
        mapper.name("service", {"d": True})


@pytest.mark.parametrize(
    ("made", "name"),
    [
        ("Production", "prod"),
        ("production", "prod"),
        ("prod/eu-1", "prod-eu"),
        ("PR-101", None),
        ("pr-demo", "demo"),  # who is named goes before a pattern
        ("pr-eu-7", "eu"),  # and of two patterns, the longer
        ("sprint", "sprint"),
        ("canary-7-blue", "canary"),
    ],
)
def test_a_table_is_looked_up_by_what_names_become(made: str, name: str | None) -> None:
    table = {
        "Production": "prod",
        "prod/eu-1": "prod-eu",
        "pr-*": None,
        "pr-demo": "demo",
        "PR-eu-*": "eu",
        "canary-*-blue": "canary",
    }
    mapper = Mapper(SourceRules(environment="{name}", environments=table))

    if name is None:
        with pytest.raises(LeftOutError):
            mapper.name("environment", {"name": made})
    else:
        assert mapper.name("environment", {"name": made}) == name


def test_a_field_may_have_dots_in_its_name() -> None:
    labels = {"app": "other", "app.kubernetes.io/name": "shop", "a.b": {"c.d": 7}}
    mapper = Mapper(SourceRules(service="{labels.app.kubernetes.io/name|labels.app}"))

    assert mapper.name("service", {"labels": labels}) == "shop"
    assert mapper.name("service", {"labels": {"app": "other"}}) == "other"
    nested = Mapper(SourceRules(service="{labels.a.b.c.d}"))
    assert nested.name("service", {"labels": labels}) == "7"


def test_long_names_that_begin_alike_stay_apart() -> None:
    long = "an-image-whose-name-is-longer-than-a-name-of-the-ledger-can-be-"
    mapper = Mapper(SourceRules(service="{a}", environment="prod", version="{v}"))
    found = [mapper.names({"a": long + end, "v": "v" * 128 + end}) for end in ("blue", "green")]

    assert len({each.service for each in found}) == len({each.version for each in found}) == 2
    assert {len(each.service) for each in found} == {63}
    assert {len(each.version) for each in found} == {128}
    renamed = Mapper(SourceRules(service="{a}", services={f"{long}blue": "blue"}))
    assert renamed.name("service", {"a": f"{long}blue"}) == "blue"


@pytest.mark.parametrize(
    ("text", "name"),
    [
        ("\N{ROCKET} Production", "production"),
        ("F\u00fcr-Test", "fur-test"),
        ("Fu\u0308r-Test", "fur-test"),
        ("\uff50\uff52\uff4f\uff44", "prod"),  # as wide as they are high
        ("prod-\u65e5\u672c", "prod-e172cdce"),
        ("prod-\u4e2d\u56fd", "prod-4d4334b1"),
        ("\u672c\u756a", "e3038302"),
        ("\N{ROCKET}", ""),
        # Marks that nobody sees.
        ("pr\u200bod", "prod"),
        ("\u202eprod\u202c", "prod"),
        ("pro\u00add\u200e-eu", "prod-eu"),
        ("\ufeffprod", "prod"),
    ],
)
def test_names_in_other_scripts_stay_apart(text: str, name: str) -> None:
    assert slug(text) == name


def test_a_table_knows_names_in_other_scripts() -> None:
    table = Mapper(SourceRules(environment="{e}", environments={"\u672c\u756a": "prod"}))
    assert table.name("environment", {"e": "\u672c\u756a"}) == "prod"

    versions = Mapper(SourceRules(service="a", environment="b", version="{v}"))
    found = {versions.names({"v": text}).version for text in ("1-\u65e5", "1-\u4e2d", "1-\u00e9")}
    assert len(found) == 3
    with pytest.raises(ValidationError, match="can never match"):
        SourceRules(environments={"prod-\u65e5*": "prod"})
