"""A made-up layout: blobs of latents."""

from __future__ import annotations

from typing import Any

import numpy as np

LEAST = 100  # latents, as in the build
_STEPS = 65_535


def laid_out(n: int) -> dict[str, np.ndarray[Any, Any]]:
    """Places and regions of so many latents; a region is a blob, every third one long and thin."""
    random = np.random.default_rng(n)
    blobs = min(40, max(12, round(n**0.5 / 2)))
    middles = random.uniform((0.05, 0.2), (0.95, 0.8), (blobs, 2))
    region = random.integers(blobs, size=n)
    spread = np.where(region[:, None] % 3 == 0, (0.05, 0.01), 0.022)
    places = np.clip(middles[region] + spread * random.normal(size=(n, 2)), 0, 1)
    return {"map/xy": np.rint(places * _STEPS).astype(np.uint16), "map/region": region.astype(np.uint8)}
