"""How each statistic of a dictionary is spread: the shapes that a list draws before it has read a column."""

from __future__ import annotations

from dataclasses import asdict, dataclass
from typing import Any

import numpy as np

from feature_atlas import Dictionary
from feature_atlas.contract import STATS

Array = np.ndarray[Any, Any]
N_BARS = 50
LINEAR = {"concentration"}  # a share that is spread over all of 0 to 1


@dataclass(frozen=True)
class Spread:
    """Living latents by a statistic: equal bins from lowest to highest, of the logarithm if `log`."""

    log: bool
    low: float
    high: float
    counts: list[int]


def spreads(opened: Dictionary) -> dict[str, dict[str, Any]]:
    """The spread of every statistic, as JSON takes it."""
    living = opened.stat("density") > 0
    return {name: asdict(spread(name, opened.stat(name), living)) for name in (*STATS, "firings")}


def spread(name: str, values: Array, living: Array) -> Spread:
    """Of the living latents whose statistic, [latent], is a finite number; `log` where all are above 0."""
    shown = values[living & np.isfinite(values)].astype(np.float64)
    if len(shown) == 0:
        return Spread(log=False, low=0.0, high=0.0, counts=[0] * N_BARS)
    low, high = float(shown.min()), float(shown.max())
    log = low > 0 and name not in LINEAR
    if low == high:
        return Spread(log, low, high, [len(shown)] + [0] * (N_BARS - 1))
    scale = np.log if log else np.positive
    place = (scale(shown) - scale(low)) / (scale(high) - scale(low))
    bins = np.minimum(N_BARS - 1, (place * N_BARS).astype(np.int64))
    return Spread(log, low, high, np.bincount(bins, minlength=N_BARS).tolist())
