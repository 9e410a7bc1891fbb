"""What the heads of a layer attend to, summed over the corpus: distances, repeats, entropy, peaks."""

from __future__ import annotations

import numpy as np

from feature_atlas.contract import ATTENTION_BINS
from pipeline.core.accumulate.attention import Attention
from pipeline.core.accumulate.kernel import kernel

LEAST_INDUCTION = np.float32(0.01)  # less is counted as none: a head that spreads evenly does not induct


class HeadSums:
    """Exact: counts are integers, sums float64, row `head` that of one head.

    Over counted queries and counted pairs: `at_distance` [head, distance] is the sum of attention at
    each query - key, `first` that to the window's first position, `entropy` that of the rows' entropies,
    `largest` that of each query's largest attention, of which `max_hist` counts how many are in each of
    ATTENTION_BINS bins from 0 to 1; `max_write` is the largest write norm.

    `duplicate` sums the attention to all earlier occurrences of the query's token type, over the
    `duplicate_queries` that have one; `induction` the attention of at least LEAST_INDUCTION to the
    positions just after these, if they are before the query, over the `induction_queries` that have one.
    """

    def __init__(self, n_heads: int, ctx: int) -> None:
        self.at_distance = np.zeros((n_heads, ctx))
        self.first, self.entropy, self.largest = (np.zeros(n_heads) for _ in range(3))
        self.duplicate, self.induction = np.zeros(n_heads), np.zeros(n_heads)
        self.duplicate_queries, self.induction_queries = np.zeros((2, n_heads), np.int64)
        self.max_hist = np.zeros((n_heads, ATTENTION_BINS), np.int64)
        self.max_write = np.zeros(n_heads, np.float32)

    def add(self, seen: Attention) -> None:
        """Takes in one head's attention in one batch."""
        head, counted = seen.head, seen.batch.counted
        self.at_distance[head] += seen.at_distance
        self.first[head] += seen.first.sum()
        self.entropy[head] += seen.entropy.sum()
        largest = seen.largest[counted]
        self.largest[head] += largest.sum(dtype=np.float64)
        bins = np.minimum((largest * ATTENTION_BINS).astype(np.int64), ATTENTION_BINS - 1)
        self.max_hist[head] += np.bincount(bins, minlength=ATTENTION_BINS)
        self.max_write[head] = max(self.max_write[head], seen.write.max())
        duplicate, induction, n_duplicate, n_induction = _repeats(
            seen.pattern, head, seen.batch.length, seen.batch.earlier
        )
        self.duplicate[head] += duplicate
        self.induction[head] += induction
        self.duplicate_queries[head] += n_duplicate
        self.induction_queries[head] += n_induction

    def merge(self, later: HeadSums) -> None:
        """Takes in what another gathered of later windows."""
        for name, array in self.state().items():
            join = np.maximum if name == "max_write" else np.add
            join(array, later.state()[name], out=array)

    def state(self) -> dict[str, np.ndarray]:
        """The arrays to save and restore."""
        return dict(vars(self))


@kernel
def _repeats(pattern, head, length, earlier):
    duplicate = induction = 0.0
    n_duplicate = n_induction = 0
    for w in range(len(length)):
        for q in range(1, length[w]):
            row, before, follows = pattern[w, head, q], earlier[w, q], False
            n_duplicate += before > 0
            while before > 0:
                duplicate += row[before]
                if before + 1 < q:
                    follows = True
                    if row[before + 1] >= LEAST_INDUCTION:
                        induction += row[before + 1]
                before = earlier[w, before]
            n_induction += follows
    return duplicate, induction, n_duplicate, n_induction
