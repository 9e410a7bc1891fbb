"""Which latents the overview shows: those with a label, else the most concentrated."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np

from feature_atlas import Atlas, Dictionary

FEATURED = 12
LABELLED = 24  # a label is read faster than three snippets
FEWEST_FIRINGS = 50
RAREST, DENSEST = 1e-4, 3e-2
CANDIDATES = 200  # of each dictionary: more than enough for FEATURED distinct tokens


@dataclass(frozen=True)
class Featured:
    """A latent worth a card: its place, the token it fires on most, and its snippets."""

    dictionary: str
    index: int
    token: int
    concentration: float
    firings: int
    label: str
    preview: np.ndarray[Any, Any]


def featured(atlas: Atlas) -> list[Featured]:
    """Round the dictionaries, each time the next best latent on a token type that has no card yet.

    Where there are labels, only labelled latents. Learned dictionaries come before neurons, deeper
    layers first: what is furthest from the token itself is the most worth seeing.
    """
    records = [record for record in reversed(atlas.manifest.dictionaries) if record.kind != "neurons"]
    opened = [atlas.dictionary(record.id) for record in records or reversed(atlas.manifest.dictionaries)]
    labelled = [dictionary for dictionary in opened if dictionary.label_source is not None]
    if labelled:
        return _round(labelled, [_labelled(dictionary) for dictionary in labelled], LABELLED)
    return _round(opened, [_ranked(dictionary) for dictionary in opened], FEATURED)


def _round(opened: list[Dictionary], queues: list[list[int]], most: int) -> list[Featured]:
    cards: list[Featured] = []
    tokens: set[int] = set()
    while len(cards) < most and any(queues):
        for dictionary, queue in zip(opened, queues, strict=True):
            index = _next(dictionary, queue, tokens)
            if index is not None and len(cards) < most:
                card = _card(dictionary, index)
                tokens.add(card.token)
                cards.append(card)
    return cards


def _ranked(dictionary: Dictionary) -> list[int]:
    firings, density = dictionary.stat("firings"), dictionary.stat("density")
    fit = np.flatnonzero((firings >= FEWEST_FIRINGS) & (density >= RAREST) & (density <= DENSEST))
    order = np.argsort(-dictionary.stat("concentration")[fit], kind="stable")
    return fit[order][:CANDIDATES].tolist()


def _labelled(dictionary: Dictionary) -> list[int]:
    fires = (dictionary.stat("firings") > 0).tolist()
    return [index for index, label in enumerate(dictionary.labels) if label and fires[index]]


def _next(dictionary: Dictionary, queue: list[int], tokens: set[int]) -> int | None:
    top = dictionary.stat("top_token")
    while queue:
        index = queue.pop(0)
        if int(top[index]) not in tokens:
            return index
    return None


def _card(dictionary: Dictionary, index: int) -> Featured:
    return Featured(
        dictionary=dictionary.record.id,
        index=index,
        token=int(dictionary.stat("top_token")[index]),
        concentration=float(dictionary.stat("concentration")[index]),
        firings=int(dictionary.stat("firings")[index]),
        label=dictionary.labels[index],
        preview=dictionary.group.read("preview", index),
    )
