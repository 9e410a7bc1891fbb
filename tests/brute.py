"""Everything the atlas says of a unit, from its whole activation matrix, the slow and obvious way.

Written against the words in the glossary, without anything from the pipeline.
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import Any

import numpy as np

Array = np.ndarray[Any, Any]


@dataclass(frozen=True)
class Place:
    """Where one column of the activation matrix stands."""

    document: int
    position: int
    window: int
    type: int


def places(documents: list[Array], ctx: int, bos: int | None) -> tuple[list[Array], list[Place]]:
    """The windows as the model reads them, and the counted positions in corpus order."""
    stride = ctx if bos is None else ctx - 1
    windows: list[Array] = []
    found: list[Place] = []
    for number, tokens in enumerate(documents):
        for start in range(0, len(tokens), stride):
            piece = tokens[start : start + stride]
            window = piece if bos is None else np.concatenate([[bos], piece])
            counted = (
                range(start, start + len(piece)) if bos is not None else range(start + 1, start + len(piece))
            )
            if len(counted):
                found += [Place(number, p, len(windows), int(tokens[p])) for p in counted]
                windows.append(window)
    return windows, found


def top(
    acts: Array, where: list[Place], k: int, sign: int, only_firing: bool
) -> list[tuple[int, int, float]]:
    """(document, position, activation) of the k windows of highest sign * activation."""
    best: dict[int, int] = {}
    for column, place in enumerate(where):
        held = best.get(place.window)
        if held is None or sign * acts[column] > sign * acts[held]:
            best[place.window] = column
    columns = [c for c in best.values() if not only_firing or acts[c] > 0]
    columns.sort(key=lambda c: (-sign * float(acts[c]), where[c].document, where[c].position))
    return [(where[c].document, where[c].position, float(acts[c])) for c in columns[:k]]


def histogram(acts: Array, edges: list[float]) -> tuple[int, list[int], int]:
    """Firings below, inside and above the bins."""
    firing = acts[acts > 0].astype(np.float64)
    inside = [
        int(((firing >= low) & (firing < high)).sum()) for low, high in zip(edges, edges[1:], strict=False)
    ]
    return int((firing < edges[0]).sum()), inside, int((firing >= edges[-1]).sum())


def moments(acts: Array) -> dict[str, float]:
    """Mean and central moments over all counted tokens."""
    x = acts.astype(np.float64)
    mean, variance = x.mean(), x.var()
    if variance == 0:
        return {"mean": mean, "variance": 0, "skew": 0, "kurtosis": 0}
    centred = x - mean
    return {
        "mean": mean,
        "variance": variance,
        "skew": (centred**3).mean() / variance**1.5,
        "kurtosis": (centred**4).mean() / variance**2,
    }


def bands(highest: float) -> list[tuple[float, float]]:
    """Four octaves downward from that of the maximum, and all below; strongest first."""
    octave = math.floor(math.log2(highest))
    edges = [(2.0 ** (octave - i), 2.0 ** (octave - i + 1)) for i in range(4)]
    return [*edges, (0.0, 2.0 ** (octave - 3))]


def fires_on(acts: Array, types: Array) -> dict[int, dict[str, float]]:
    """Per token type: occurrences, P(fires), mean activation, share of firings and of mass."""
    mass = acts[acts > 0].sum(dtype=np.float64)
    found: dict[int, dict[str, float]] = {}
    for type_ in np.unique(types):
        at = acts[types == type_].astype(np.float64)
        found[int(type_)] = {
            "count": len(at),
            "p_fire_given_token": (at > 0).mean(),
            "mean_activation": at.mean(),
            "share_of_firings": (at > 0).sum() / max(1, (acts > 0).sum()),
            "share_of_mass": at[at > 0].sum() / mass if mass > 0 else 0,
        }
    return found
