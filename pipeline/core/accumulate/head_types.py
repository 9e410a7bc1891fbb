"""The token types that heads attend from and to: exact for the corpus's commonest."""

from __future__ import annotations

import numpy as np
from jaxtyping import Float64, Int64, Integer

from feature_atlas.contract import N_HEAD_TYPES
from pipeline.core.accumulate.attention import Attention
from pipeline.core.accumulate.common_types import commonest


class HeadTypes:
    """Per head and type of the table the attention of counted pairs: `sent` by queries, `received` by keys.

    The table has the `n_types` commonest types, `types`; the last column is of all others together,
    which is the table's stated error. `counts` are the occurrences of every type in the corpus.
    """

    def __init__(self, n_heads: int, counts: Integer[np.ndarray, " type"], n_types: int) -> None:
        self.types = commonest(counts, n_types)
        self._entry = np.full(len(counts), len(self.types), np.int64)
        self._entry[self.types] = np.arange(len(self.types))
        self.sent, self.received = np.zeros((2, n_heads, len(self.types) + 1))

    def add(self, seen: Attention) -> None:
        """Takes in one head's attention in one batch."""
        counted, entry = seen.batch.counted, self._entry[seen.batch.type]
        sent = 1 - seen.first[counted]
        for table, values in ((self.sent, sent), (self.received, seen.received[counted])):
            table[seen.head] += np.bincount(entry, values, table.shape[1])

    def merge(self, later: HeadTypes) -> None:
        """Takes in what another gathered of later windows."""
        self.sent += later.sent
        self.received += later.received

    def state(self) -> dict[str, np.ndarray]:
        """The arrays to save and restore."""
        return {"sent": self.sent, "received": self.received}


def strongest_types(
    types: Integer[np.ndarray, " type"], table: Float64[np.ndarray, "head entry"]
) -> Int64[np.ndarray, "head rank"]:
    """Of each head the N_HEAD_TYPES types with most attention in the table; -1 where it has no more.

    Ties go to the lower type. What lies outside the table is left out.
    """
    inside = table[:, : len(types)]
    order = np.argsort(-inside, axis=1, kind="stable")[:, :N_HEAD_TYPES]
    found = np.where(np.take_along_axis(inside, order, axis=1) > 0, types[order], -1)
    return np.pad(found, ((0, 0), (0, N_HEAD_TYPES - found.shape[1])), constant_values=-1)
