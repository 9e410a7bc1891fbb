"""Firings, power sums, extremes and the histogram of every latent."""

from __future__ import annotations

import numpy as np

from feature_atlas.contract import BINS_PER_OCTAVE, FIRST_OCTAVE, N_BINS
from pipeline.core.accumulate.block import Block
from pipeline.core.accumulate.kernel import kernel

# A float's upper bits are its exponent and first mantissa bits: shifted right by 21 they number
# quarter octaves, 127 being the exponent's bias.
_SHIFT = 23 - BINS_PER_OCTAVE.bit_length() + 1
_FIRST_BIN = (127 + FIRST_OCTAVE) * BINS_PER_OCTAVE


class Moments:
    """Exact over all counted tokens: counts are integers, sums float64 in the order of the corpus.

    `sums` [power, latent] are of a, a^2, a^3, a^4; `mass` is the sum over firings; `hist` counts
    firings in [underflow, bins…, overflow].
    """

    def __init__(self, n_latents: int) -> None:
        self.firings = np.zeros(n_latents, np.int64)
        self.sums = np.zeros((4, n_latents))
        self.mass = np.zeros(n_latents)
        self.hist = np.zeros((n_latents, N_BINS + 2), np.uint32)
        self.highest = np.full(n_latents, -np.inf, np.float32)
        self.lowest = np.full(n_latents, np.inf, np.float32)

    def add(self, block: Block) -> None:
        """Takes in one block."""
        rows = block.rows
        _count(block.edge, block.value, self.firings[rows], self.mass[rows], self.hist[rows])
        running = self.sums[:, rows], self.highest[rows], self.lowest[rows]
        if block.acts is None:
            _add_sparse(block.edge, block.value, len(block.batch.token), *running)
        else:
            _add_dense(block.acts, *running)

    def merge(self, later: Moments) -> None:
        """Takes in what another gathered of later windows."""
        self.firings += later.firings
        self.sums += later.sums
        self.mass += later.mass
        self.hist += later.hist
        np.maximum(self.highest, later.highest, out=self.highest)
        np.minimum(self.lowest, later.lowest, out=self.lowest)

    def state(self) -> dict[str, np.ndarray]:
        """The arrays to save and restore."""
        names = ("firings", "sums", "mass", "hist", "highest", "lowest")
        return {name: getattr(self, name) for name in names}


@kernel
def histogram_bin(bits):
    """0 below the first bin, 1..N_BINS inside, N_BINS + 1 above; `bits` are those of a positive float32."""
    return min(max((bits >> _SHIFT) - _FIRST_BIN, -1), N_BINS) + 1


@kernel
def _count(edge, value, firings, mass, hist):
    bits = value.view(np.int32)
    for latent in range(len(edge) - 1):
        total = mass[latent]
        for i in range(edge[latent], edge[latent + 1]):
            total += value[i]
            hist[latent, histogram_bin(bits[i])] += 1
        mass[latent] = total
        firings[latent] += edge[latent + 1] - edge[latent]


@kernel
def _add_sparse(edge, value, n_columns, sums, highest, lowest):
    """Everywhere else the activation is 0."""
    for latent in range(len(edge) - 1):
        _add_row(value[edge[latent] : edge[latent + 1]], latent, sums, highest, lowest)
        if edge[latent + 1] - edge[latent] < n_columns:
            highest[latent] = max(highest[latent], 0)
            lowest[latent] = min(lowest[latent], 0)


@kernel
def _add_dense(acts, sums, highest, lowest):
    for latent in range(len(acts)):
        _add_row(acts[latent], latent, sums, highest, lowest)


@kernel
def _add_row(row, latent, sums, highest, lowest):
    s1, s2, s3, s4 = sums[0, latent], sums[1, latent], sums[2, latent], sums[3, latent]
    high, low = highest[latent], lowest[latent]
    for v in row:
        a = float(v)
        square = a * a
        s1 += a
        s2 += square
        s3 += square * a
        s4 += square * square
        high, low = max(high, v), min(low, v)
    sums[0, latent], sums[1, latent], sums[2, latent], sums[3, latent] = s1, s2, s3, s4
    highest[latent], lowest[latent] = high, low
