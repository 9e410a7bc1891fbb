"""The dictionaries of one layer, and which of their latents fire together."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from functools import partial
from typing import TypeVar

import numpy as np

from pipeline.core.accumulate.cofiring import CoFiring
from pipeline.core.accumulate.fired import Fired
from pipeline.core.dictionary_scan import DictionaryScan
from pipeline.core.workers import Workers

T = TypeVar("T")
ROWS = 1024  # latents of one job


class Layer:
    """Counts co-firing within each dictionary of a layer, and between each and all the others together.

    In the order of `scans`, the others' latents are numbered one after another. What is added is kept,
    as the sample in which partners are found, until `choose`, and afterwards counted and forgotten.
    """

    def __init__(self, scans: list[DictionaryScan], chosen: bool) -> None:
        self.scans = scans
        self._sample: list[list[Fired]] | None = None if chosen else []

    def add(self, workers: Workers, fired: list[Fired]) -> None:
        """Takes in where the latents of each dictionary fire at the same columns."""
        if self._sample is not None:
            self._sample.append(fired)
        else:
            self._count(workers, fired)

    def choose(self, workers: Workers) -> None:
        """Finds partners in the sample, and counts over it."""
        sample, self._sample = self._sample or [], None
        whole = [Fired.after(parts) for parts in zip(*sample, strict=True)]
        for pair, own, pool in self._pairs(whole, Fired.beside):
            by_column = pool.by_column()
            workers.do(partial(pair.choose, own, pool, by_column, *rows) for rows in _rows(pair))
        for fired in sample:
            self._count(workers, fired)

    def _count(self, workers: Workers, fired: list[Fired]) -> None:
        for pair, own, pool in self._pairs([each.bits() for each in fired], np.concatenate):
            workers.do(partial(pair.add, own, pool, *rows) for rows in _rows(pair))

    def _pairs(self, each: list[T], beside: Callable[[list[T]], T]) -> Iterator[tuple[CoFiring, T, T]]:
        """Every count of the layer with what it is counted between."""
        for number, scan in enumerate(self.scans):
            if scan.within is not None:
                yield scan.within, each[number], each[number]
            if scan.across is not None:
                yield scan.across, each[number], beside(each[:number] + each[number + 1 :])


def _rows(pair: CoFiring) -> Iterator[tuple[int, int]]:
    for first in range(0, len(pair.partner), ROWS):
        yield first, min(first + ROWS, len(pair.partner))


def layers_of(scans: list[DictionaryScan], chosen: bool) -> list[Layer]:
    """The layers that have dictionaries whose co-firing is counted."""
    counted = [scan for scan in scans if scan.within is not None]
    numbers = sorted({scan.dictionary.hook_in.layer for scan in counted})
    return [Layer([s for s in counted if s.dictionary.hook_in.layer == n], chosen) for n in numbers]
