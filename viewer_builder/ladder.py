"""The layers as a ladder, each rung a dictionary with a small histogram of its densities."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np

from feature_atlas import Atlas, Dictionary
from feature_atlas.address import HookPoint

BARS, WIDTH, HEIGHT = 21, 84, 20


@dataclass(frozen=True)
class Bar:
    """One bar, in the units of the drawing."""

    x: float
    y: float
    width: float
    height: float


@dataclass(frozen=True)
class Rung:
    """A dictionary of a layer."""

    id: str
    href: str
    says: str
    label: str
    bars: list[Bar]


@dataclass(frozen=True)
class Layer:
    """A layer and what was described in it."""

    number: int
    rungs: list[Rung]


def ladder(atlas: Atlas, hrefs: dict[str, str]) -> list[Layer]:
    """Layers from the last to the first, as the residual stream is usually drawn."""
    layers: dict[int, list[Rung]] = {}
    for record in atlas.manifest.dictionaries:
        number = HookPoint.parse(record.hook_in).layer
        layers.setdefault(number, []).append(_rung(atlas[record.id], hrefs[record.id]))
    return [Layer(number, layers[number]) for number in sorted(layers, reverse=True)]


def _rung(dictionary: Dictionary, href: str) -> Rung:
    record = dictionary.record
    density = dictionary.stat("density")
    alive = density[density > 0]
    dead = record.n_latents - record.alive
    units = "neurons" if record.kind == "neurons" else "latents"
    says = f"{record.n_latents:,} {units}" + (f", {dead:,} dead" if dead else "")
    label = f"densities {alive.min():.1e} to {alive.max():.1e}" if len(alive) else "no unit fires"
    return Rung(record.id, href, says, label, _bars(alive))


def _bars(values: np.ndarray[Any, Any]) -> list[Bar]:
    if not len(values):
        return []
    counts, _ = np.histogram(np.log10(values), bins=BARS, range=(-6, 0))
    heights = counts / counts.max() * HEIGHT
    step = WIDTH / BARS
    return [
        Bar(round(i * step, 2), round(HEIGHT - h, 2), round(step - 1, 2), round(h, 2))
        for i, h in enumerate(heights.tolist())
        if h > 0
    ]
