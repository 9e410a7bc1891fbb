"""Which token types a latent fires on: a table of the corpus's commonest types, exact for those."""

from __future__ import annotations

import numpy as np
from jaxtyping import Integer

from pipeline.core.accumulate.block import Block


def commonest(counts: Integer[np.ndarray, " type"], n: int) -> Integer[np.ndarray, " entry"]:
    """The `n` types of highest count that occur at all, ascending; ties go to the lower type."""
    order = np.argsort(-counts, kind="stable")[:n]
    return np.sort(order[counts[order] > 0])


class FiresOn:
    """Per latent and type of the table: firings, and the sum of activation over firings (`mass`).

    Units of two signs also have `total`, the sum over all occurrences; for others it is the mass.
    Firings on types outside the table are known only in sum: that is the table's stated error.
    `counts` are the occurrences of every type in the corpus; the table has the `n_types` commonest,
    `types`, which occur `occurs` times.
    """

    def __init__(
        self, n_latents: int, counts: Integer[np.ndarray, " type"], n_types: int, two_signed: bool
    ) -> None:
        self.types = commonest(counts, n_types)
        self.occurs = counts[self.types]
        self._entry = np.full(len(counts), -1, np.int64)
        self._entry[self.types] = np.arange(len(self.types))
        self.two_signed = two_signed
        shape = (n_latents, len(self.types))
        self.firings = np.zeros(shape, np.uint32)
        self.mass = np.zeros(shape, np.float32)
        self.total = np.zeros(shape if two_signed else (0, 0), np.float32)

    def add(self, block: Block) -> None:
        """Takes in one block."""
        entry = self._entry[block.batch.type]
        if self.two_signed:
            self._add_dense(block, entry)
        else:
            self._add_sparse(block, entry)

    def state(self) -> dict[str, np.ndarray]:
        """The arrays to save and restore."""
        return {"firings": self.firings, "mass": self.mass, "total": self.total}

    def _add_sparse(self, block: Block, entry: np.ndarray) -> None:
        at = entry[block.column]
        inside = at >= 0
        cell = (block.lo + block.latent[inside], at[inside])
        np.add.at(self.firings, cell, np.uint32(1))
        np.add.at(self.mass, cell, block.value[inside])

    def _add_dense(self, block: Block, entry: np.ndarray) -> None:
        """Columns are brought together by type, then each run of columns is summed at once."""
        order = np.argsort(entry, kind="stable")
        order = order[entry[order] >= 0]
        if not len(order):
            return
        present, first = np.unique(entry[order], return_index=True)
        grouped = block.acts[:, order]
        cells = np.ix_(np.arange(block.rows.start, block.rows.stop), present)
        self.total[cells] += np.add.reduceat(grouped, first, axis=1)
        fires = (grouped > 0).view(np.uint8)
        self.firings[cells] += np.add.reduceat(fires, first, axis=1, dtype=np.uint32)
        np.maximum(grouped, 0, out=grouped)
        self.mass[cells] += np.add.reduceat(grouped, first, axis=1)
