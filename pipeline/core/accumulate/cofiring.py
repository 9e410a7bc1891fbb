"""Which latents fire where a latent does: partners found in a sample, then counted exactly.

All pairs can't be counted: 24,576 latents have 300 million. So the windows of a random sample are
scanned first; there each latent gets the PARTNERS others most like it, and from then on (and over the
sample itself) the firings that it shares with these are counted at every position of the corpus.
"""

from __future__ import annotations

import numpy as np
from jaxtyping import Int32, Integer, UInt32, UInt64

from pipeline.core.accumulate.fired import Fired
from pipeline.core.accumulate.kernel import kernel

PARTNERS = 64
# Co-active latents looked at to find one latent's partners. In a sample of 65,536 tokens a quarter as
# many find 95 % of the true ten among 3,072 random directions (all would: 96 %), and 99 % in a trained
# SAE. The search must stay cheap beside the encoder: each of these takes 5 ns, an activation 9 ns. So
# wide dictionaries get a sixteenth, which in a trained SAE that fires on 21 still finds 98 %.
FEWEST_VISITS, MOST_PER_COLUMN, FEWEST_PER_COLUMN, WIDTH = 1024, 1 / 4, 1 / 16, 1024
MOST_VISITS = 2**16 - 1  # they are counted in 16 bits
# Added to the sampled firings of a partner: one that fired once, here, is not yet like this latent.
PRIOR = 8


class CoFiring:
    """For each latent its partners in a pool of latents, and how often both fire.

    `partner` [latent, PARTNERS] are indices in the pool, -1 where none was found; `both` counts the
    positions where latent and partner fire. A latent that did not fire in the sample has no partner.
    The outcome does not depend on the order of what comes after the sample.
    """

    def __init__(self, n_latents: int) -> None:
        self.partner = np.full((n_latents, PARTNERS), -1, np.int32)
        self.both = np.zeros((n_latents, PARTNERS), np.uint32)

    def choose(self, own: Fired, pool: Fired, by_column: Fired, first: int, last: int) -> None:
        """Sets the partners of the latents `first` to `last` - 1 by a sample; none is its own.

        `by_column` is `pool` transposed; where `pool` is `own`, no latent is its own partner. Ranks
        by shared firings / sqrt(the partner's firings + PRIOR).
        """
        weight = (1 / np.sqrt(pool.firings + PRIOR)).astype(np.float32)
        per_column = min(MOST_PER_COLUMN, max(FEWEST_PER_COLUMN, WIDTH / own.n_latents))
        visits = min(max(FEWEST_VISITS, int(per_column * own.n_columns)), MOST_VISITS)
        by = by_column.edge, by_column.column
        _choose(own.edge, own.column, *by, weight, visits, first, own is pool, self.partner[first:last])

    def add(
        self,
        own: UInt64[np.ndarray, "latent word"],
        pool: UInt64[np.ndarray, "pool word"],
        first: int,
        last: int,
    ) -> None:
        """Counts the firings that the latents `first` to `last` - 1 share with their partners."""
        _count(own[first:last], pool, self.partner[first:last], self.both[first:last])

    def merge(self, other: CoFiring) -> None:
        """Takes in what another with the same partners counted of other windows."""
        assert np.array_equal(self.partner, other.partner)
        self.both += other.both

    def state(self) -> dict[str, np.ndarray]:
        """The arrays to save and restore."""
        return {"partner": self.partner, "both": self.both}


def strongest(
    partner: Int32[np.ndarray, "latent partner"],
    both: UInt32[np.ndarray, "latent partner"],
    own: Integer[np.ndarray, " latent"],
    pool: Integer[np.ndarray, " pool"],
    k: int,
) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """The k partners of largest cosine, with shared firings and cosine; 0 shared firings mark no partner.

    The cosine is that of the two rows of firings (1 where it fires, else 0): shared firings /
    sqrt(own firings x the partner's firings), Ochiai's coefficient. `own` and `pool` are firings.
    """
    there = (partner >= 0) & (both > 0)
    index = np.where(there, partner, 0)
    cosine = np.where(there, both / np.sqrt(np.maximum(own[:, None] * pool[index], 1)), 0)
    order = np.lexsort((index, -cosine), axis=1)[:, :k]
    chosen = (np.where(there, array, 0) for array in (index, both, cosine))
    index, shared, cosine = (np.take_along_axis(array, order, axis=1) for array in chosen)
    return index, shared, cosine


@kernel
def _choose(edge, columns, column_edge, latents, weight, visits, first, same, partner):
    shared = np.zeros(len(weight), np.uint16)
    met = np.empty(len(weight) + 1, np.int32)
    score = np.empty(partner.shape[1], np.float32)
    for row in range(len(partner)):
        latent = first + row
        n_met = _meet(columns[edge[latent] : edge[latent + 1]], column_edge, latents, visits, shared, met)
        if same:
            shared[latent] = 0
        _keep(met[:n_met], shared, weight, score, partner[row])
        for m in met[:n_met]:
            shared[m] = 0


@kernel
def _meet(own, column_edge, latents, visits, shared, met):
    """Counts who else fires at this latent's columns: all of them, or evenly spread ones, `visits` in all."""
    total = 0
    for c in own:
        total += column_edge[c + 1] - column_edge[c]
    step, n, at = max(1.0, total / visits), 0, 0.0
    while at < len(own):
        c = own[int(at)]
        for i in range(column_edge[c], column_edge[c + 1]):
            m = latents[i]
            met[n] = m
            n += shared[m] == 0
            shared[m] += 1
        at += step
    return n


@kernel
def _keep(met, shared, weight, score, partner):
    """Those of largest score among those met, as many as there is room for; in a tie the first met."""
    score[:] = 0
    slot, least = 0, np.float32(0)
    for m in met:
        s = np.float32(shared[m] * weight[m])
        if s > least:
            score[slot], partner[slot] = s, m
            slot = 0
            for i in range(1, len(score)):
                slot = i if score[i] < score[slot] else slot
            least = score[slot]


@kernel
def _ones(x):
    """Number of bits set, by adding neighbours in ever wider fields; LLVM makes it one instruction."""
    x = x - ((x >> np.uint64(1)) & np.uint64(0x5555555555555555))
    x = (x & np.uint64(0x3333333333333333)) + ((x >> np.uint64(2)) & np.uint64(0x3333333333333333))
    x = (x + (x >> np.uint64(4))) & np.uint64(0x0F0F0F0F0F0F0F0F)
    return (x * np.uint64(0x0101010101010101)) >> np.uint64(56)


@kernel
def _count(own, pool, partner, both):
    for row in range(len(partner)):
        mine = own[row]
        if not mine.any():
            continue
        for i in range(partner.shape[1]):
            p = partner[row, i]
            if p < 0:
                break
            theirs, n = pool[p], np.uint64(0)
            for w in range(len(mine)):
                n += _ones(mine[w] & theirs[w])
            both[row, i] += n
