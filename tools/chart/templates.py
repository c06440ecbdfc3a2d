"""Templates: where renderings differ there is an `if`, where a value is named an expression."""

import itertools
import math
import re
from collections.abc import Callable
from typing import Any

import yaml

from tools.chart.matching import ABSENT, NAME, named
from tools.chart.rows import Rows, align, same, shape, split
from tools.chart.sources import Chosen, Objects, Part
from tools.command import ToolError

FIRST = ("apiVersion", "kind", "metadata", "name")
OWN = {
    "namespace": ".Release.Namespace",
    "image": 'include "slipway.image" .',
    "checksum": 'include (print $.Template.BasePath "/configmap.yaml") . | sha256sum',
}
HEADER = "# Made from k8s/ by `make chart`: it is changed there.\n"


class Dumper(yaml.SafeDumper):
    """A dumper that writes a text of several lines as a block."""

    def represent_text(self, text: str) -> yaml.ScalarNode:
        """Write several lines as several lines."""
        style = "|" if "\n" in text else None
        return self.represent_scalar("tag:yaml.org,2002:str", text, style=style)


Dumper.add_representer(str, Dumper.represent_text)


def dump(value: Any) -> list[str]:
    """Return the lines of a scalar, or of an empty map or list."""
    text = yaml.dump({"": value}, Dumper=Dumper, width=math.inf, allow_unicode=True)
    first, *others = text.partition(": ")[2].rstrip("\n").split("\n")
    # What looks like a template is none of ours.
    return [line.replace("{{", '{{ "{{" }}') for line in (first, *others)]


def place(key: str) -> int:
    """Return the sort key of a map's key: identity first, named entries last."""
    return FIRST.index(key) if key in FIRST else len(FIRST) + (named(key) is not None)


class Writer:
    """Writes the templates of a chart with these parts, whose values have these defaults."""

    def __init__(self, parts: tuple[Part, ...], defaults: dict[str, Any]) -> None:
        self.conditions = {part.name: part.condition for part in parts}
        self.defaults = defaults

    def files(self, renderings: dict[Chosen, Objects]) -> dict[str, str]:
        """Return the text of each template by its name: one object a file."""
        keys = {key: None for among in renderings.values() for key in among}
        texts: dict[str, str] = {}
        for kind, name in keys:
            rows = {c: among.get((kind, name), ABSENT) for c, among in renderings.items()}
            plain = NAME.sub("", name).strip("-.")
            file = kind.lower() + ("" if plain == "slipway" else f"-{plain}")
            texts[f"{file}.yaml"] = HEADER + "\n".join(self.node(None, rows, 0)) + "\n"
        return texts

    def node(self, lead: str | None, rows: Rows, indent: int) -> list[str]:
        """Return the lines of a node after its lead, `key:` or `-`, or of a whole document."""
        values = list(rows.values())
        shapes = {shape(value) for value in values}
        inner = indent if lead is None else indent + 2
        if shapes == {"absent"}:
            return []
        if shapes == {"dict"}:
            if lead and all(len(value) == 1 and named(*value) for value in values):
                return self.all_of(lead, values[0], indent)
            return lead_in(lead, self.mapping(rows, inner), indent)
        if shapes == {"list"} and (slots := align(rows)):
            lines = [line for slot in slots for line in self.node("-", slot, inner)]
            return lead_in(lead, lines, indent)
        if same(rows):
            return self.leaf(lead or "", values[0], indent)
        return self.choice(rows, lambda half: self.node(lead, half, indent))

    def mapping(self, rows: Rows, indent: int) -> list[str]:
        """Return the lines of a map that every rendering has."""
        keys = {key: None for value in rows.values() for key in value}
        lines: list[str] = []
        for key in sorted(keys, key=place):
            values = {chosen: value.get(key, ABSENT) for chosen, value in rows.items()}
            if named(key):
                lines += self.choice(values, lambda half: self.spread(half, indent))
            else:
                lines += self.node(f"{dump(key)[0]}:", values, indent)
        return lines

    def choice(self, rows: Rows, write: Callable[[Rows], list[str]]) -> list[str]:
        """Return the lines of the rows, under an `if` for a part where they differ."""
        if same(rows):
            return write(rows)
        part, with_it, without = split(rows, list(self.conditions))
        condition = self.conditions[part]
        then, otherwise = write(with_it), write(without)
        if not then:
            return [f"{{{{- if {opposite(condition)} }}}}", *otherwise, "{{- end }}"]
        opening = [f"{{{{- if {condition} }}}}", *then]
        if is_one_if(otherwise):
            return [*opening, otherwise[0].replace("{{- if", "{{- else if"), *otherwise[1:]]
        middle = ["{{- else }}", *otherwise] if otherwise else []
        return [*opening, *middle, "{{- end }}"]

    def leaf(self, lead: str, value: Any, indent: int) -> list[str]:
        """Return the lines of a scalar, or of a value of the chart in its place."""
        pad = " " * indent
        if (name := named(value)) and isinstance(self.defaults.get(name), dict | list):
            nested = f"{pad}  {{{{- toYaml .Values.{name} | nindent {indent + 2} }}}}"
            return [f"{pad}{lead}", nested]
        if name:
            return [f"{pad}{lead} {{{{ {self.scalar(name)} }}}}"]
        if isinstance(value, str) and NAME.search(value):  # a name inside a text
            inside = NAME.sub(lambda found: f"{{{{ {self.expression(found[1])} }}}}", value)
            return [f'{pad}{lead} "{inside}"']
        first, *others = dump(value)
        return [f"{pad}{lead} {first}", *(f"{pad}{line}".rstrip() for line in others)]

    def expression(self, name: str) -> str:
        """Return the Helm expression of a name."""
        if name not in OWN and name not in self.defaults:
            raise ToolError(f"tools/chart/schema.yaml does not describe the value {name}")
        return OWN.get(name, f".Values.{name}")

    def scalar(self, name: str) -> str:
        """Return the Helm expression of a name, as a scalar of the type of its default."""
        expression = self.expression(name)
        return (
            f"{expression} | quote" if isinstance(self.defaults.get(name, ""), str) else expression
        )

    def spread(self, rows: Rows, indent: int) -> list[str]:
        """Return the lines that put all entries of a value into a map."""
        name = named(next(iter(rows.values())))
        if not name:
            return []
        pad = " " * indent
        inner = f"{pad}{{{{- toYaml . | nindent {indent} }}}}"
        return [f"{pad}{{{{- with {self.expression(name)} }}}}", inner, f"{pad}{{{{- end }}}}"]

    def all_of(self, lead: str, value: dict[str, Any], indent: int) -> list[str]:
        """Return the lines of a map that has the entries of a value only; none if it is empty."""
        opening, inner, closing = self.spread({frozenset(): next(iter(value))}, indent + 2)
        return [opening[2:], f"{' ' * indent}{lead}", inner, closing[2:]]


def opposite(condition: str) -> str:
    """Return the condition that holds when another does not."""
    if condition.startswith("not ."):
        return condition.removeprefix("not ")
    return f"not ({condition})" if " " in condition else f"not {condition}"


def is_one_if(lines: list[str]) -> bool:
    """Return whether lines are one `if` from the first to the last of them."""
    if not lines or not lines[0].startswith("{{- if"):
        return False
    depths = [len(re.findall(r"{{- (?:if|with) ", line)) - line.count("{{- end") for line in lines]
    return 0 not in list(itertools.accumulate(depths))[:-1]


def lead_in(lead: str | None, lines: list[str], indent: int) -> list[str]:
    """Return lines after their lead; the first entry of a list's item stands beside its dash."""
    if lead is None:
        return lines
    pad = " " * indent
    if lead == "-" and not lines[0].lstrip().startswith("{{"):
        return [f"{pad}- {lines[0][indent + 2 :]}", *lines[1:]]
    return [f"{pad}{lead}", *lines]
