"""Where one head looks in a batch, as the accumulators see it."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from jaxtyping import Float32, Float64

from pipeline.core.accumulate.kernel import kernel
from pipeline.core.windows import Batch


@dataclass(frozen=True)
class Attention:
    """The attention of the head `head`, and what one pass over it gives.

    `pattern` is of all heads of the layer, `norm` of this one: ‖v W_O‖ of each key. A query or key is
    counted if its window index is not 0; a window of n tokens has the counted ones 1 to n - 1. All else
    is over counted pairs, and 0 where there is none: `at_distance` is the sum of attention at each
    query - key, `received` that to each key, `largest` and `earlier` the largest attention of each
    query, with and without itself, `write` its largest write norm. `entropy` is of a query's whole row.
    """

    batch: Batch
    head: int
    pattern: Float32[np.ndarray, "window head query key"]
    norm: Float32[np.ndarray, "window key"]
    at_distance: Float64[np.ndarray, " distance"]
    received: Float64[np.ndarray, "window key"]
    largest: Float32[np.ndarray, "window query"]
    earlier: Float32[np.ndarray, "window query"]
    write: Float32[np.ndarray, "window query"]
    entropy: Float64[np.ndarray, "window query"]

    @classmethod
    def of(
        cls,
        batch: Batch,
        head: int,
        pattern: Float32[np.ndarray, "window head query key"],
        norm: Float32[np.ndarray, "window key"],
    ) -> Attention:
        """Reads one head's part of the pattern."""
        shape = norm.shape
        backwards, received, entropy = np.zeros(shape[1]), np.zeros(shape), np.zeros(shape)
        largest, earlier, write = (np.zeros(shape, np.float32) for _ in range(3))
        _look(pattern, head, norm, batch.length, backwards, received, largest, earlier, write)
        _entropies(pattern, head, batch.length, entropy)
        return cls(batch, head, pattern, norm, backwards[::-1], received, largest, earlier, write, entropy)

    @property
    def first(self) -> Float64[np.ndarray, "window query"]:
        """Attention of each counted query to the window's first position."""
        counted = self.batch.counted
        return np.where(counted, self.pattern[:, self.head, :, 0], 0).astype(np.float64)


@kernel
def _look(pattern, head, norm, length, backwards, received, largest, earlier, write):
    """`backwards` counts distances from the last entry down, so that keys ascend along with it."""
    ctx = pattern.shape[3]
    for w in range(len(length)):
        for q in range(1, length[w]):
            row, norms, into = pattern[w, head, q, 1 : q + 1], norm[w, 1 : q + 1], received[w, 1 : q + 1]
            distances = backwards[ctx - q :]
            highest = strongest = np.float32(0)
            for k in range(q - 1):
                p = row[k]
                distances[k] += p
                into[k] += p
                highest = max(highest, p)
                strongest = max(strongest, p * norms[k])
            p = row[q - 1]
            distances[q - 1] += p
            into[q - 1] += p
            earlier[w, q] = highest
            largest[w, q] = max(highest, p)
            write[w, q] = max(strongest, p * norms[q - 1])


@kernel
def _entropies(pattern, head, length, entropy):
    for w in range(len(length)):
        for q in range(1, length[w]):
            total = 0.0
            for p in pattern[w, head, q, : q + 1]:
                if p > 0:
                    total -= p * np.log(p)
            entropy[w, q] = total
