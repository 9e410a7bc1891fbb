"""Small histograms as drawings made here, so that they need no script."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np

BARS, WIDTH, HEIGHT = 24, 96, 20
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
    living = density[density > 0]
    if not len(living):
        return []
    counts, _ = np.histogram(np.log10(living), bins=BARS, range=(LOWEST, 0))
    heights = counts / max(counts.max(), 1) * HEIGHT
    step = WIDTH / BARS
    return [
        Bar(round(i * step, 2), round(HEIGHT - height, 2), round(step - 1, 2), round(height, 2))
        for i, height in enumerate(heights.tolist())
        if height > 0
    ]
