"""From a word to the units that have it: weights, ranks, and the cut."""

from __future__ import annotations

from array import array
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from jaxtyping import Int64, Integer, UInt32

from feature_atlas.contract import N_POSTINGS
from feature_atlas.words import term_order

Array = np.ndarray[Any, Any]

STEPS = 10_000  # of a weight of 1


@dataclass(frozen=True)
class Postings:
    """Of each term, in their order, how many units have it, and its best: rows [unit, weight, top token].

    A term has N_POSTINGS rows, or `count` if it has fewer units; they follow those of the term before.
    """

    terms: list[str]
    count: Int64[np.ndarray, " term"]
    rows: UInt32[np.ndarray, "posting 3"]

    @property
    def kept(self) -> Int64[np.ndarray, " term"]:
        """Rows of each term."""
        return np.minimum(self.count, N_POSTINGS)


class Entries:
    """Words of units as they come, each with its share of the unit."""

    def __init__(self) -> None:
        self._numbers: dict[str, int] = {}
        self._term, self._unit, self._share = array("q"), array("q"), array("d")

    def add(self, unit: int, shares: Mapping[str, float]) -> None:
        """Takes in the words of one unit."""
        for word, share in shares.items():
            self._term.append(self._numbers.setdefault(word, len(self._numbers)))
            self._unit.append(unit)
            self._share.append(share)

    def postings(self, top_token: Integer[np.ndarray, " unit"]) -> Postings:
        """Ranked by weight: share x ln(1 + units / units with the term); ties to the lower unit."""
        terms = sorted(self._numbers, key=term_order)
        rank = np.empty(len(terms), np.int64)
        rank[[self._numbers[term] for term in terms]] = np.arange(len(terms))
        term, unit = rank[np.array(self._term)], np.array(self._unit)
        count = np.bincount(term, minlength=len(terms))
        rarity = np.log1p(len(top_token) / np.maximum(count, 1))
        steps = np.maximum(1, np.rint(STEPS * np.array(self._share) * rarity[term])).astype(np.int64)
        at = np.lexsort((unit, -steps, term))
        at = at[_places(count) < N_POSTINGS]
        return Postings(
            terms, count, np.stack([unit[at], steps[at], top_token[unit[at]]], axis=1).astype(np.uint32)
        )


def search_arrays(sides: Sequence[Postings]) -> dict[str, Array]:
    """Words, places and postings of the contract's SEARCH; `sides` are in the order of SOURCES.

    The rows of a term from one side follow those from the side before.
    """
    terms = sorted({term for side in sides for term in side.terms}, key=term_order)
    number = {term: i for i, term in enumerate(terms)}
    count = np.zeros((len(terms), len(sides)), np.int64)
    owners: list[Int64[np.ndarray, " posting"]] = []
    for i, side in enumerate(sides):
        mine = np.array([number[term] for term in side.terms], np.int64)
        count[mine, i] = side.count
        owners.append(np.repeat(mine, side.kept))
    at = np.argsort(np.concatenate(owners), kind="stable")
    rows = np.concatenate([side.rows for side in sides])[at]
    kept = np.minimum(count, N_POSTINGS).sum(axis=1)
    place = np.concatenate([(np.cumsum(kept) - kept)[:, None], count], axis=1)
    found: dict[str, Array] = {"terms/text": np.array(terms, dtype=object)}
    return found | {"terms/place": place, "postings": rows}


def read_postings(arrays: Mapping[str, np.ndarray], side: int) -> Postings:
    """One side of what `search_arrays` gave."""
    place = arrays["terms/place"].astype(np.int64)
    count = place[:, 1:]
    kept = np.minimum(count, N_POSTINGS)
    has = count[:, side] > 0
    first, n = (place[:, 0] + kept[:, :side].sum(axis=1))[has], kept[has, side]
    rows = arrays["postings"][np.repeat(first, n) + _places(n)]
    return Postings([str(term) for term in arrays["terms/text"][has]], count[has, side], rows)


def _places(count: Int64[np.ndarray, " term"]) -> Int64[np.ndarray, " entry"]:
    """Place of each entry among those of its term, entries being sorted by term."""
    first: Array = np.repeat(np.cumsum(count) - count, count)
    return np.arange(len(first)) - first
