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
class Places:
    """Where each column of the activation matrix stands; `column` finds it by (document, position)."""

    document: Array
    position: Array
    window: Array
    type: Array
    column: dict[tuple[int, int], int]


def places(documents: list[Array], ctx: int, bos: int | None) -> tuple[list[Array], Places]:
    """The windows as the model reads them, and the counted positions in corpus order."""
    stride = ctx if bos is None else ctx - 1
    windows: list[Array] = []
    rows: list[tuple[int, int, int, int]] = []
    for number, tokens in enumerate(documents):
        for start in range(0, len(tokens), stride):
            piece = tokens[start : start + stride]
            window = piece if bos is None else np.concatenate([[bos], piece])
            counted = range(start if bos is not None else start + 1, start + len(piece))
            if len(counted):
                rows += [(number, p, len(windows), int(tokens[p])) for p in counted]
                windows.append(window)
    table = np.array(rows)
    column = {(document, position): i for i, (document, position, _, _) in enumerate(rows)}
    return windows, Places(table[:, 0], table[:, 1], table[:, 2], table[:, 3], column)


def top(acts: Array, where: Places, k: int, sign: int, only_firing: bool) -> list[tuple[int, int, float]]:
    """(document, position, activation) of the k windows of highest sign * activation, best first."""
    order = np.argsort(-sign * acts, kind="stable")
    _, first = np.unique(where.window[order], return_index=True)
    columns = order[np.sort(first)]
    columns = columns[acts[columns] > 0] if only_firing else columns
    return [(int(where.document[c]), int(where.position[c]), float(acts[c])) for c in columns[:k]]


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


def fires_on(acts: Array, types: Array) -> dict[str, Array]:
    """Per token type: occurrences, P(fires), mean activation, share of firings and of mass."""
    firing = acts > 0
    count, fires = np.bincount(types), np.bincount(types, weights=firing)
    total, mass = np.bincount(types, weights=acts), np.bincount(types, weights=np.where(firing, acts, 0))
    occurs = np.maximum(count, 1)
    return {
        "count": count,
        "p_fire_given_token": fires / occurs,
        "mean_activation": total / occurs,
        "share_of_firings": fires / max(1, fires.sum()),
        "share_of_mass": mass / (mass.sum() or 1),
    }


def token_cosines(acts: Array, types: Array, n_types: int) -> tuple[Array, Array]:
    """[type, unit]: cosine of the vectors "the token is the type" and "the unit fires"; P(fires | type).

    `acts` are [position, unit]. Both are 0 where one of the two never happens.
    """
    is_type = (types[None] == np.arange(n_types)[:, None]).astype(np.float64)
    firing = (acts > 0).astype(np.float64)
    norms = np.linalg.norm(is_type, axis=1)[:, None] * np.linalg.norm(firing, axis=0)
    both = is_type @ firing
    return both / np.maximum(norms, 1), both / np.maximum(is_type.sum(axis=1), 1)[:, None]
