"""Histograms in equal bins, as other tools draw them."""

from __future__ import annotations

from typing import Any

import numpy as np

from feature_atlas import Latent
from feature_atlas.contract import histogram_edges

N_BINS = 50
Array = np.ndarray[Any, Any]


def activations(latent: Latent) -> Array:
    """Firings in N_BINS equal bins from 0 to the latent's maximum, estimated.

    The firings up to an edge of our bins (quarter octaves) are exact; between two edges they are taken
    to lie evenly. So the sum is exact, and a bin is off by no more than the firings of the bins of
    ours that it cuts.
    """
    highest = latent.number("max")
    counts = [latent.number("hist_underflow"), *latent.ints["hist"], latent.number("hist_overflow")]
    edges = np.minimum([0.0, *histogram_edges(), np.inf], highest)
    below = np.concatenate([[0.0], np.cumsum(counts, dtype=np.float64)])
    return np.diff(np.interp(np.linspace(0, highest, N_BINS + 1), *_last_of_equal(edges, below)))


def centres(low: float, high: float, n: int) -> list[float]:
    """The middles of n equal bins from low to high."""
    return (low + (np.arange(n) + 0.5) * (high - low) / n).tolist()


def _last_of_equal(x: Array, y: Array) -> tuple[Array, Array]:
    """Of points with the same x the last: edges above the maximum all lie at it."""
    last = np.append(x[1:] != x[:-1], True)
    return x[last], y[last]
