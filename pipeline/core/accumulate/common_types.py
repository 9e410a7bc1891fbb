"""What a neuron does on each of the corpus's commonest token types: exact for those."""

from __future__ import annotations

import numpy as np
from jaxtyping import Integer

from pipeline.core.accumulate.block import Block
from pipeline.core.accumulate.kernel import kernel


def commonest(counts: Integer[np.ndarray, " type"], n: int) -> Integer[np.ndarray, " entry"]:
    """The `n` types of highest count that occur at all, ascending; ties go to the lower type."""
    order = np.argsort(-counts, kind="stable")[:n]
    return np.sort(order[counts[order] > 0])


class CommonTypes:
    """Per unit of two signs and type of the table: firings, and the sums of activation.

    `mass` is the sum over firings, `total` that over all occurrences. Such units fire on nearly every
    type, so a table of each unit's own would lose most of them. Firings on types outside the table are
    known only in sum: that is the table's stated error. `counts` are the occurrences of every type in
    the corpus; the table has the `n_types` commonest, `types`.
    """

    def __init__(self, n_units: int, counts: Integer[np.ndarray, " type"], n_types: int) -> None:
        self.types = commonest(counts, n_types)
        self._entry = np.full(len(counts), -1, np.int64)
        self._entry[self.types] = np.arange(len(self.types))
        shape = (n_units, len(self.types))
        self.firings = np.zeros(shape, np.uint32)
        self.mass = np.zeros(shape, np.float32)
        self.total = np.zeros(shape, np.float32)

    def add(self, block: Block) -> None:
        """Takes in one block."""
        entry = self._entry[block.batch.type]
        table = self.firings[block.rows], self.mass[block.rows]
        _add_firings(block.edge, block.column, block.value, entry, *table)
        assert block.acts is not None
        _add_all(block.acts, entry, self.total[block.rows])

    def merge(self, later: CommonTypes) -> None:
        """Takes in what another gathered of later windows."""
        self.firings += later.firings
        self.mass += later.mass
        self.total += later.total

    def listed(self, firings: Integer[np.ndarray, " unit"]) -> dict[str, np.ndarray]:
        """As of `HeavyTypes.listed`, with one row of types for all units."""
        missed = firings - self.firings.sum(axis=1, dtype=np.int64)
        return {"type": self.types[None], **self.state(), "missed": missed}

    def state(self) -> dict[str, np.ndarray]:
        """The arrays to save and restore."""
        return {"firings": self.firings, "mass": self.mass, "total": self.total}


@kernel
def _add_firings(edge, columns, values, entry, firings, mass):
    for latent in range(len(edge) - 1):
        for i in range(edge[latent], edge[latent + 1]):
            at = entry[columns[i]]
            if at >= 0:
                firings[latent, at] += 1
                mass[latent, at] += values[i]


@kernel
def _add_all(acts, entry, total):
    for latent in range(len(acts)):
        for column in range(acts.shape[1]):
            if entry[column] >= 0:
                total[latent, entry[column]] += acts[latent, column]
