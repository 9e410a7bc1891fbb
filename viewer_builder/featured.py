"""Which latents the overview shows: the most concentrated, spread over dictionaries and tokens."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np

from feature_atlas import Atlas, Dictionary

FEATURED = 12
FEWEST_FIRINGS = 50
DENSEST = 0.01


@dataclass(frozen=True)
class Featured:
    """A latent worth a card: its place, the token it fires on most, and two snippets."""

    dictionary: str
    index: int
    token: int
    concentration: float
    firings: int
    preview: np.ndarray[Any, Any]


def featured(atlas: Atlas) -> list[Featured]:
    """Round the dictionaries, each time the next best latent on a token type that has no card yet.

    Dictionaries of latents come before the neurons, deeper layers first: what is furthest from the
    token itself is the most worth seeing.
    """
    queues = [
        _ranked(atlas[record.id])
        for record in reversed(atlas.manifest.dictionaries)
        if record.kind != "neurons"
    ]
    queues = queues or [_ranked(atlas[record.id]) for record in reversed(atlas.manifest.dictionaries)]
    chosen: list[Featured] = []
    tokens: set[int] = set()
    while len(chosen) < FEATURED and any(queues):
        for queue in queues:
            while queue and queue[0][1] in tokens:
                queue.pop(0)
            if queue and len(chosen) < FEATURED:
                dictionary, token, index = queue.pop(0)
                tokens.add(token)
                chosen.append(_card(dictionary, index, token))
    return chosen


def _ranked(dictionary: Dictionary) -> list[tuple[Dictionary, int, int]]:
    firings, density = dictionary.stat("firings"), dictionary.stat("density")
    concentration, tokens = dictionary.stat("concentration"), dictionary.stat("top_token")
    fit = np.flatnonzero((firings >= FEWEST_FIRINGS) & (density <= DENSEST))
    order = fit[np.argsort(-concentration[fit], kind="stable")]
    return [(dictionary, int(tokens[index]), int(index)) for index in order[:200]]


def _card(dictionary: Dictionary, index: int, token: int) -> Featured:
    return Featured(
        dictionary=dictionary.record.id,
        index=index,
        token=token,
        concentration=float(dictionary.stat("concentration")[index]),
        firings=int(dictionary.stat("firings")[index]),
        preview=dictionary.group.read("preview", index),
    )
