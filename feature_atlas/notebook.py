"""What a notebook shows of a latent or a head: HTML that stands alone, without script, all text escaped."""

from __future__ import annotations

import math
from collections.abc import Iterable, Sequence
from html import escape
from typing import TYPE_CHECKING, Any

from feature_atlas.glyphs import alone, in_line

if TYPE_CHECKING:
    from feature_atlas.atlas import Example, Latent
    from feature_atlas.heads import Head, HeadExample

WARM, COLD = "240,154,42", "107,164,228"  # the viewer's hues, readable on light and dark grounds
STRONGEST = 0.6  # opacity of full heat: text stays legible on it, black and white
SHOWN = 6  # examples of a section
BEFORE, AFTER = 24, 12  # tokens of an excerpt around what it shows
WIDTH, HEIGHT = 320, 64  # of a histogram
_MONO = "font-family:ui-monospace,Menlo,Consolas,monospace;font-size:12px"
_QUIET = "opacity:.7;font-size:12px"

Cell = tuple[str, float, bool]  # a token, its heat in -1..1, whether it is outlined


def latent_card(latent: Latent) -> str:
    """Label, figures, histogram of firings, top and random examples, and what it promotes and suppresses."""
    record = latent.dictionary.record
    summary = latent.summary()
    counted = summary["counted_tokens"]
    figures = [
        ("density", f"{summary['density']:.3%}"),
        (f"firings on {counted:,} counted tokens", f"{summary['firings']:,}"),
        ("max", _number(summary["max_activation"])),
        ("mean when firing", _number(summary["mean_when_firing"])),
        ("on five token types", f"{summary['concentration']:.1%}"),
    ]
    labels = "".join(_div(f"{escape(text)} {_quiet(who)}") for text, who in _said(summary["labels"]))
    sections = ("top", "bottom", "random") if record.two_signed else ("top", "random")
    examples = "".join(
        _section(
            f"{section} examples",
            _rows(_excerpt(each, _full_heat(latent, section)) for each in latent.examples(section)),
        )
        for section in sections
    )
    counts = summary["histogram"]["counts"]
    drawn = _histogram(counts, summary["histogram"]["edges"], "firings by activation, both logarithmic")
    tables = _tables(
        (name, [(row["token"], row[value]) for row in summary[field]])
        for name, field, value in (
            ("fires on (share of mass)", "fires_on", "share_of_mass"),
            ("promotes", "promoted", "value"),
            ("suppresses", "suppressed", "value"),
        )
    )
    return _card(latent.address, record.hook_in, labels + _figures(figures) + drawn + examples + tables)


def head_card(head: Head) -> str:
    """Scores, attention by distance, windows of largest write norm, and the types it looks at and from."""
    told = head.to_json()
    figures = [(name.replace("_", " "), _number(value)) for name, value in told["scores"].items()]
    means = told["offset_attention"]
    drawn = _histogram(means, range(len(means) + 1), "mean attention by distance")
    examples = _section("by write norm", _rows(_window(each) for each in head.examples("write")))
    looks = _tables(
        (name, [(row["token"], row["share"]) for row in told[field]])
        for name, field in (("looks at", "key_tokens"), ("looks from", "query_tokens"))
    )
    return _card(head.address, f"head of layer {told['layer']}", _figures(figures) + drawn + examples + looks)


def _card(address: str, says: str, inside: str) -> str:
    head = f'<b style="font-size:16px">{escape(address)}</b> {_quiet(says)}'
    return (
        f'<div style="font-family:system-ui,sans-serif;font-size:13px;max-width:900px">{head}{inside}</div>'
    )


def _said(labels: Iterable[dict[str, Any]]) -> list[tuple[str, str]]:
    return [(label["text"], f"label: {label['source']}") for label in labels]


def _figures(figures: Sequence[tuple[str, str]]) -> str:
    spans = (f"<span><b>{escape(value)}</b> {_quiet(name)}</span>" for name, value in figures)
    return f'<div style="display:flex;flex-wrap:wrap;gap:2px 16px;margin:6px 0">{"".join(spans)}</div>'


def _section(name: str, inside: str) -> str:
    return _div(f"<b>{escape(name)}</b>", "margin-top:8px") + (inside or _div(_quiet("none")))


def _rows(rows: Iterable[tuple[float, Sequence[Cell]]]) -> str:
    """An activation and its excerpt each; the first SHOWN."""
    shown = list(rows)[:SHOWN]
    lines = (
        f'<tr><td style="text-align:right;padding:1px 8px">{escape(_number(value))}</td>'
        f'<td style="text-align:left;white-space:pre-wrap">{"".join(map(_cell, cells))}</td></tr>'
        for value, cells in shown
    )
    return f'<table style="{_MONO};border-collapse:collapse">{"".join(lines)}</table>' if shown else ""


def _full_heat(latent: Latent, section: str) -> float:
    """The end of the heat scale: the maximum, or on the lowest examples the largest magnitude there."""
    highest, lowest = latent.number("max"), abs(latent.number("min"))
    return lowest if section == "bottom" or highest <= 0 else highest


def _excerpt(example: Example, full: float) -> tuple[float, list[Cell]]:
    first, last = max(0, example.peak - BEFORE), example.peak + AFTER
    cells = [
        (text, activation / full if full else 0.0, at == example.peak)
        for at, (text, activation) in enumerate(zip(example.tokens, example.activations, strict=True))
    ]
    return example.activation, cells[first:last]


def _window(example: HeadExample) -> tuple[float, list[Cell]]:
    """What the peak's query, outlined, looks at."""
    first = max(0, min(example.query - BEFORE, example.key - AFTER))
    heats = example.attention[example.query].tolist()
    cells = [
        (text, heat, at == example.query)
        for at, (text, heat) in enumerate(zip(example.tokens, heats, strict=True))
    ]
    return example.write, cells[first : example.query + AFTER]


def _cell(cell: Cell) -> str:
    text, heat, outlined = cell
    opacity = min(1.0, abs(heat)) * STRONGEST
    style = f"background:rgba({WARM if heat > 0 else COLD},{opacity:.2f})" if opacity >= 0.005 else ""
    style += ";outline:1px solid" if outlined else ""
    shown = escape(in_line(text))
    return f'<span style="{style.lstrip(";")}">{shown}</span>' if style else shown


def _tables(tables: Iterable[tuple[str, Sequence[tuple[str, float]]]]) -> str:
    """Tokens with a value each, side by side."""
    columns: list[str] = []
    for name, rows in tables:
        lines = "".join(
            f'<tr><td style="text-align:left;padding:0 12px 0 0">{escape(alone(token))}</td>'
            f'<td style="text-align:right;padding:0">{escape(_number(value))}</td></tr>'
            for token, value in rows[:10]
        )
        table = f'<table style="{_MONO};border-collapse:collapse">{lines}</table>'
        columns.append(f"<div><b>{escape(name)}</b>{table if rows else _div(_quiet('nothing'))}</div>")
    return f'<div style="display:flex;flex-wrap:wrap;gap:8px 32px;margin-top:8px">{"".join(columns)}</div>'


def _histogram(values: Sequence[float], edges: Sequence[float], says: str) -> str:
    """Bars from the first value above 0 to the last; counts are drawn by their logarithm."""
    filled = [i for i, value in enumerate(values) if value > 0]
    if not filled:
        return _div(_quiet("no distribution to draw"))
    shown = range(filled[0], filled[-1] + 1)
    logarithmic = all(isinstance(value, int) for value in values)
    heights = [math.log1p(values[i]) if logarithmic else values[i] for i in shown]
    step, tallest = WIDTH / len(shown), max(heights)
    bars = "".join(
        f'<rect x="{n * step:.2f}" y="{HEIGHT * (1 - height / tallest):.2f}" width="{max(0.5, step - 1):.2f}"'
        f' height="{HEIGHT * height / tallest:.2f}"><title>{_number(edges[i])} to {_number(edges[i + 1])}:'
        f" {_number(values[i])}</title></rect>"
        for n, (i, height) in enumerate(zip(shown, heights, strict=True))
    )
    ends = f"{says}, from {_number(edges[shown[0]])} to {_number(edges[shown[-1] + 1])}"
    svg = (
        f'<svg viewBox="0 0 {WIDTH} {HEIGHT}" width="{WIDTH}" height="{HEIGHT}" role="img"'
        f' aria-label="{escape(ends)}" fill="currentColor" opacity="0.6">{bars}</svg>'
    )
    return _div(svg, "margin-top:8px") + _div(_quiet(ends))


def _number(value: float) -> str:
    """Three significant digits; counts whole."""
    return f"{value:,}" if isinstance(value, int) else f"{value:.3g}"


def _quiet(text: str) -> str:
    return f'<span style="{_QUIET}">{escape(text)}</span>'


def _div(inside: str, style: str = "") -> str:
    return f'<div style="{style}">{inside}</div>' if style else f"<div>{inside}</div>"
