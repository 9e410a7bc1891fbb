"""Firings, power sums, extremes and the histogram of every latent."""

from __future__ import annotations

import numpy as np

from feature_atlas.contract import BINS_PER_OCTAVE, FIRST_OCTAVE, N_BINS
from pipeline.core.accumulate.block import Block
from pipeline.core.accumulate.kernel import kernel, summing

# A float's upper bits are its exponent and first mantissa bits: shifted right by 21 they number
# quarter octaves, 127 being the exponent's bias.
_SHIFT = 23 - BINS_PER_OCTAVE.bit_length() + 1
_FIRST_BIN = (127 + FIRST_OCTAVE) * BINS_PER_OCTAVE


class Moments:
    """Exact over all counted tokens: counts are integers, sums float64.

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
        sums, highest, lowest = self.sums[:, rows], self.highest[rows], self.lowest[rows]
        _count(block.edge, block.value, self.firings[rows], self.hist[rows])
        _add_sums(block.edge, block.value, self.mass[rows])
        if block.acts is None:
            _add_powers(block.edge, block.value, sums)
            _widen(block.edge, block.value, len(block.batch.token), highest, lowest)
        else:
            every = np.arange(len(block.acts) + 1) * block.acts.shape[1]
            _add_powers(every, block.acts.ravel(), sums)
            np.maximum(highest, block.acts.max(axis=1), out=highest)
            np.minimum(lowest, block.acts.min(axis=1), out=lowest)

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
def _count(edge, value, firings, hist):
    bits = value.view(np.int32)
    for latent in range(len(edge) - 1):
        for i in range(edge[latent], edge[latent + 1]):
            hist[latent, histogram_bin(bits[i])] += 1
        firings[latent] += edge[latent + 1] - edge[latent]


@summing
def _add_sums(edge, value, into):
    for latent in range(len(edge) - 1):
        total = 0.0
        for i in range(edge[latent], edge[latent + 1]):
            total += np.float64(value[i])
        into[latent] += total


@summing
def _add_powers(edge, value, sums):
    for latent in range(len(edge) - 1):
        s1 = s2 = s3 = s4 = 0.0
        for i in range(edge[latent], edge[latent + 1]):
            a = np.float64(value[i])
            square = a * a
            s1 += a
            s2 += square
            s3 += square * a
            s4 += square * square
        sums[0, latent] += s1
        sums[1, latent] += s2
        sums[2, latent] += s3
        sums[3, latent] += s4


@kernel
def _widen(edge, value, n_columns, highest, lowest):
    """Where a latent does not fire its activation is 0."""
    for latent in range(len(edge) - 1):
        for i in range(edge[latent], edge[latent + 1]):
            highest[latent] = max(highest[latent], value[i])
            lowest[latent] = min(lowest[latent], value[i])
        if edge[latent + 1] - edge[latent] < n_columns:
            highest[latent] = max(highest[latent], 0)
            lowest[latent] = min(lowest[latent], 0)
