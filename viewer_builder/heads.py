"""What the pages show of attention heads without a script: a layer's scores, and all layers as grids."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from feature_atlas import Heads
from feature_atlas.contract import METRICS
from viewer_builder.site import Site
from viewer_builder.strips import STEPS

_NAMES = {
    "random_induction_score": "induction, random tokens",
    "random_prev_token_score": "previous token, random tokens",
    "random_duplicate_token_score": "duplicate token, random tokens",
    "induction_score": "induction",
    "prev_token_score": "previous token",
    "duplicate_token_score": "duplicate token",
    "self_attention_score": "itself",
    "first_position_score": "first position",
    "copying_score": "copying",
    "pattern_entropy": "entropy, nats",
    "qk_distance": "distance",
    "qk_distance_variance": "distance, variance",
    "mean_max_attention": "mean largest",
    "max_write_norm": "largest write norm",
}
_DOCS = {field.name: field.doc for field in METRICS}
_COLUMNS = [{"id": name, "name": text, "doc": _DOCS[name]} for name, text in _NAMES.items()]
_UNBOUNDED = ("pattern_entropy", "qk_distance", "qk_distance_variance", "max_write_norm")
_GRIDS = (
    "random_induction_score",
    "random_prev_token_score",
    "random_duplicate_token_score",
    "first_position_score",
    "self_attention_score",
    "copying_score",
    "pattern_entropy",
)


@dataclass(frozen=True)
class Cell:
    """A score of a head: as shown, as a number, and its heat in 0..STEPS, of its size."""

    address: str
    path: str
    value: str
    number: float
    level: int
    below: bool


@dataclass(frozen=True)
class Row:
    """One layer of a grid."""

    id: str
    path: str
    cells: Sequence[Cell]


@dataclass(frozen=True)
class Grid:
    """One score of every head: a row for each layer."""

    name: str
    doc: str
    width: int
    rows: Sequence[Row]


def grids(site: Site) -> list[Grid]:
    """The layers x heads grid of each score that tells heads apart; none without heads."""
    opened = [site.atlas.heads(record.id) for record in site.atlas.manifest.heads]
    width = max((len(heads) for heads in opened), default=0)
    return [
        Grid(_NAMES[name], _DOCS[name], width, [_row(site, heads, name) for heads in opened])
        for name in _GRIDS
        if opened
    ]


def heads(site: Site, opened: Heads) -> dict[str, Any]:
    """Every score of every head of a layer, and the script's configuration."""
    record = opened.record
    return {
        "record": record,
        "summary": f"{record.n_heads:,} attention heads of layer {record.layer} · {_over(site)}",
        "columns": _COLUMNS,
        "rows": _rows(site, opened),
        "config": site.config("../", "heads", record.id),
    }


def finder(site: Site) -> dict[str, Any]:
    """Every score of every head of the model: the table that the head finder's scatter is drawn from."""
    opened = [site.atlas.heads(record.id) for record in site.atlas.manifest.heads]
    n_heads = sum(map(len, opened))
    return {
        "summary": f"{n_heads:,} attention heads of {len(opened):,} layers · {_over(site)}",
        "columns": _COLUMNS,
        "rows": [row for each in opened for row in _rows(site, each)],
        "config": site.config("", "finder", None),
    }


def _over(site: Site) -> str:
    windowing = site.atlas.manifest.windowing
    return f"over {windowing.counted_tokens:,} counted tokens in windows of {windowing.ctx}"


def _rows(site: Site, opened: Heads) -> list[dict[str, Any]]:
    columns = [_cells(site, opened, name) for name in _NAMES]
    return [
        {
            "address": f"{opened.record.id}/{head}",
            "layer": opened.record.layer,
            "path": site.head_path(f"{opened.record.id}/{head}"),
            "cells": [cells[head] for cells in columns],
        }
        for head in range(len(opened))
    ]


def _row(site: Site, opened: Heads, name: str) -> Row:
    return Row(opened.record.id, site.heads_path(opened.record.id), _cells(site, opened, name))


def _cells(site: Site, opened: Heads, name: str) -> list[Cell]:
    full = _full(site, name)
    cells: list[Cell] = []
    for head, number in enumerate(opened.score(name).tolist()):
        address = f"{opened.record.id}/{head}"
        level = round(min(1, abs(number) / full) * STEPS)
        cells.append(Cell(address, site.head_path(address), _text(number), number, level, number < 0))
    return cells


def _full(site: Site, name: str) -> float:
    """Where heat ends: at 1, or for what has no bound at the model's largest."""
    if name not in _UNBOUNDED:
        return 1.0
    largest = (site.atlas.heads(record.id).score(name).max() for record in site.atlas.manifest.heads)
    return float(max(largest)) or 1.0


def _text(number: float) -> str:
    text = f"{number:.2f}" if abs(number) < 10 else f"{number:.3g}"
    return text.replace("-0.00", "0.00").replace("-", "−")
