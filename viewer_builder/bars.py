"""Small histograms as drawings made here, so that they need no script."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

from feature_atlas.manifest import DENSITY_BINS

WIDTH, HEIGHT = 96, 20
LOWEST = -6  # density, as a power of ten


@dataclass(frozen=True)
class Bar:
    """One bar, in the units of the drawing."""

    x: float
    y: float
    width: float
    height: float


def density_bars(density: np.ndarray[Any, Any]) -> list[Bar]:
    """How the densities of the living units are spread, from 1e-6 to 1 on a log scale."""
    counts, _ = np.histogram(np.log10(density[density > 0]), bins=DENSITY_BINS, range=(LOWEST, 0))
    return bars(counts.tolist())


def bars(counts: Sequence[int]) -> list[Bar]:
    """A bar for each count above 0, the largest as high as the drawing."""
    step, tallest = WIDTH / len(counts), max(counts)
    return [
        Bar(round(i * step, 2), round(HEIGHT - height, 2), round(step - 1, 2), round(height, 2))
        for i, height in enumerate(count / max(tallest, 1) * HEIGHT for count in counts)
        if height > 0
    ]
