"""The rules file: checked at start."""

from __future__ import annotations

from pathlib import Path

import pytest

from api.app import create_app
from api.domain.events.rules import Mapper, SourceRules, UnmappedNameError
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
