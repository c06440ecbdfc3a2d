"""Templates are made from renderings: where these differ there is an `if`, and no more."""

from itertools import combinations
from pathlib import Path
from typing import Any

import pytest

from tools.chart.matching import match
from tools.chart.sources import Part
from tools.chart.templates import Writer, opposite
from tools.command import ToolError

PARTS = tuple(Part(name, Path(name), f".Values.{name}") for name in ("a", "b", "c"))
CHOSEN = [frozenset(each) for size in range(3) for each in combinations("abc", size)]


def written(objects: dict[frozenset[str], Any], **defaults: Any) -> str:
    """Return the template of an object that renderings have differently."""
    of = {
        chosen: {("Thing", "slipway"): value} if value is not None else {}
        for chosen, value in objects.items()
    }
    return Writer(PARTS, defaults).files(of)["thing.yaml"].partition("\n")[2]


def test_what_is_the_same_everywhere_has_no_if() -> None:
    text = written({chosen: {"kind": "Thing", "spec": {"n": 1}} for chosen in CHOSEN})

    assert text == "kind: Thing\nspec:\n  n: 1\n"


def test_what_a_part_adds_stands_in_its_if() -> None:
    text = written({each: {"x": 1} | ({"y": 2} if "b" in each else {}) for each in CHOSEN})

    assert text == "x: 1\n{{- if .Values.b }}\ny: 2\n{{- end }}\n"


def test_what_a_part_takes_away_stands_in_its_not() -> None:
    text = written({each: {"x": 1} | ({} if "b" in each else {"y": 2}) for each in CHOSEN})

    assert text == "x: 1\n{{- if not .Values.b }}\ny: 2\n{{- end }}\n"


@pytest.mark.parametrize(
    ("condition", "then"),
    [
        (".Values.b", "not .Values.b"),
        ("not .Values.b", ".Values.b"),
        ("and .Values.a .Values.b", "not (and .Values.a .Values.b)"),
    ],
)
def test_a_condition_is_turned_round(condition: str, then: str) -> None:
    assert opposite(condition) == then


def test_what_a_part_changes_has_an_else() -> None:
    text = written({each: {"x": 2 if "c" in each else 1} for each in CHOSEN})

    assert text == "{{- if .Values.c }}\nx: 2\n{{- else }}\nx: 1\n{{- end }}\n"


def test_what_several_parts_change_is_one_chain() -> None:
    text = written({each: {"x": max(each, default="-")} for each in CHOSEN})

    assert text.splitlines() == [
        *["{{- if .Values.c }}", "x: c"],
        *["{{- else if .Values.b }}", "x: b"],
        *["{{- else if .Values.a }}", "x: a"],
        *["{{- else }}", "x: '-'", "{{- end }}"],
    ]


def test_what_two_parts_make_together_stands_in_both_ifs() -> None:
    text = written({each: {"x": 1} if each >= {"a", "c"} else None for each in CHOSEN})

    assert text == "{{- if .Values.a }}\n{{- if .Values.c }}\nx: 1\n{{- end }}\n{{- end }}\n"


def test_an_item_that_a_part_adds_to_a_list_stands_in_its_if() -> None:
    items = [{"name": "one"}, {"name": "two"}]
    text = written({each: {"l": items[: 1 + ("a" in each)]} for each in CHOSEN})

    assert text == "l:\n  - name: one\n{{- if .Values.a }}\n  - name: two\n{{- end }}\n"


def test_lists_in_another_order_are_written_whole() -> None:
    text = written({each: {"l": ["x", "y"] if "a" in each else ["y", "x", "z"]} for each in CHOSEN})

    assert "{{- if .Values.a }}\nl:\n  - x\n  - y\n{{- else }}\nl:\n  - y\n  - x\n" in text


def test_a_difference_that_no_part_explains_is_an_error() -> None:
    with pytest.raises(ToolError, match="no part explains"):
        Writer((), {}).node("x:", {frozenset("a"): 1, frozenset("b"): 2}, 0)


def test_values_stand_where_they_are_named() -> None:
    thing = {"host": "<host>", "size": "<size>", "all": "<map>", "own": "at.<namespace>"}
    text = written({frozenset(): thing}, host="h", size=1, map={})

    assert text.splitlines() == [
        "host: {{ .Values.host | quote }}",
        "size: {{ .Values.size }}",
        "all:",
        "  {{- toYaml .Values.map | nindent 2 }}",
        'own: "at.{{ .Release.Namespace }}"',
    ]


def test_a_name_that_is_no_value_is_an_error() -> None:
    with pytest.raises(ToolError, match=r"schema\.yaml does not describe the value hots"):
        written({frozenset(): {"host": "<hots>"}}, host="h")


def test_all_entries_of_a_value_join_a_map_that_may_have_no_other() -> None:
    thing = {"labels": {"<map>": "<map>"}, "data": {"a": "b", "<map>": "<map>"}}
    text = written({frozenset(): thing}, map={})

    assert text.splitlines() == [
        "{{- with .Values.map }}",
        "labels:",
        "  {{- toYaml . | nindent 2 }}",
        "{{- end }}",
        "data:",
        "  a: b",
        "  {{- with .Values.map }}",
        "  {{- toYaml . | nindent 2 }}",
        "  {{- end }}",
    ]


def test_what_looks_like_a_template_is_text() -> None:
    text = written({frozenset(): {"a": "{{ $value }}"}})

    assert text == "a: '{{ \"{{\" }} $value }}'\n"


def test_a_match_finds_the_values_and_what_no_name_explains() -> None:
    def one(spec: dict[str, Any]) -> Any:
        return {("Thing", "it"): {"kind": "Thing", "metadata": {"name": "it"}, "spec": spec}}

    pattern = one({"a": "<a>", "l": {"x": "1", "<rest>": "<rest>"}, "n": "<namespace>", "c": [1]})
    actual = one({"a": 5, "l": {"x": "1", "y": "2"}, "n": "here", "c": [2], "more": True})

    found = match(pattern, actual, "here")

    assert found.values == {"a": 5, "rest": {"y": "2"}}
    assert found.differences == ["Thing/it.spec.c[0]: 2, not 1", "Thing/it.spec.more: is added"]
