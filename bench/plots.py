"""Draw a dot plot as SVG: a row for each label, a mark for each series. Pure."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from xml.sax.saxutils import escape

WIDTH, LABELS, MARGIN, ROW, TOP, BOTTOM = 860, 330, 40, 30, 74, 44
LENGTH = WIDTH - LABELS - MARGIN
# Legible on a light page and on a dark one; the shapes differ as well, for who sees no colours.
STYLE = """
text { font: 14px system-ui, sans-serif; fill: #1f2328 }
.title { font-weight: 600; font-size: 16px }
.axis { stroke: #d1d9e0 }
.span { stroke: #818b98; stroke-width: 2 }
.s0 { fill: #0969da } .s1 { fill: #bc4c00 } .s2 { fill: #1a7f37 }
@media (prefers-color-scheme: dark) {
  text { fill: #f0f6fc }
  .axis { stroke: #3d444d }
  .s0 { fill: #4493f8 } .s1 { fill: #f0883e } .s2 { fill: #3fb950 }
}"""
# Around the origin.
SHAPES = (
    '<circle r="6"/>',
    '<rect x="-5.5" y="-5.5" width="11" height="11"/>',
    '<path d="M0-7 7 6H-7z"/>',
)


@dataclass(frozen=True)
class Plot:
    """A plot: its title, its text alternative, the unit, and the values of each row by series."""

    title: str
    description: str
    unit: str
    rows: Mapping[str, Mapping[str, float]]
    logarithmic: bool = False

    @property
    def series(self) -> list[str]:
        """Return the names of the series, in the order in which the rows name them."""
        return list(dict.fromkeys(name for values in self.rows.values() for name in values))


def svg(plot: Plot) -> str:
    """Return the plot as an SVG document."""
    height = TOP + ROW * len(plot.rows) + BOTTOM
    values = [value for row in plot.rows.values() for value in row.values()]
    ticks = _logarithmic(values) if plot.logarithmic else _linear(max(values))
    parts = [
        f'<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 {WIDTH} {height}" role="img"'
        ' aria-labelledby="title description">',
        f'<title id="title">{escape(plot.title)}</title>',
        f'<desc id="description">{escape(plot.description)}</desc>',
        f"<style>{STYLE}\n</style>",
        f'<text class="title" x="0" y="18">{escape(plot.title)}</text>',
        *_legend(plot.series),
        *_axis(ticks, plot, height),
    ]
    for number, (label, row) in enumerate(plot.rows.items()):
        y = TOP + ROW * number + ROW // 2
        parts.append(f'<text x="0" y="{y + 5}">{escape(label)}</text>')
        places = {name: _x(value, ticks, plot) for name, value in row.items()}
        first, last = min(places.values()), max(places.values())
        parts.append(f'<line class="span" x1="{first}" x2="{last}" y1="{y}" y2="{y}"/>')
        parts += [_mark(plot.series.index(name), x, y) for name, x in places.items()]
    return "\n".join([*parts, "</svg>", ""])


def _legend(series: Sequence[str]) -> list[str]:
    parts, x = [], LABELS
    for number, name in enumerate(series):
        parts += [_mark(number, x + 6, 45), f'<text x="{x + 18}" y="50">{escape(name)}</text>']
        x += 40 + 8 * len(name)
    return parts


def _axis(ticks: Sequence[float], plot: Plot, height: int) -> list[str]:
    parts = []
    for tick in ticks:
        x = _x(tick, ticks, plot)
        parts.append(f'<line class="axis" x1="{x}" x2="{x}" y1="{TOP}" y2="{height - BOTTOM}"/>')
        unit = f" {plot.unit}" if tick == ticks[-1] else ""
        parts.append(
            f'<text x="{x}" y="{height - BOTTOM + 20}" text-anchor="middle">{tick:,g}{unit}</text>'
        )
    return parts


def _mark(number: int, x: float, y: float) -> str:
    shape = SHAPES[number % len(SHAPES)]
    return f'<g class="s{number % len(SHAPES)}" transform="translate({x} {y})">{shape}</g>'


def _x(value: float, ticks: Sequence[float], plot: Plot) -> float:
    first, last = ticks[0], ticks[-1]
    if plot.logarithmic:
        value, first, last = (math.log10(number) for number in (value, first, last))
    return round(LABELS + LENGTH * (value - first) / (last - first), 1)


def _linear(most: float) -> list[float]:
    """Return round ticks from zero to at least the largest value."""
    step = 10.0 ** math.floor(math.log10(most))
    step *= next(factor for factor in (0.2, 0.5, 1, 2) if most / (step * factor) <= 6)  # noqa: PLR2004
    return [number * step for number in range(math.ceil(most / step) + 1)]


def _logarithmic(values: Sequence[float]) -> list[float]:
    """Return powers of ten around the values."""
    first, last = math.floor(math.log10(min(values))), math.ceil(math.log10(max(values)))
    return [10.0**power for power in range(first, max(last, first + 1) + 1)]
