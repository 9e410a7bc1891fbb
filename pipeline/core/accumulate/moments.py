"""Firings, power sums, extremes and the histogram of every latent."""

from __future__ import annotations

import numpy as np

from feature_atlas.contract import BINS_PER_OCTAVE, FIRST_OCTAVE, N_BINS
from pipeline.core.accumulate.block import Block

# A float's upper bits are its exponent and first mantissa bits: shifted right by 21 they number
# quarter octaves, 127 being the exponent's bias.
_SHIFT = 23 - BINS_PER_OCTAVE.bit_length() + 1
_FIRST_BIN = (127 + FIRST_OCTAVE) * BINS_PER_OCTAVE


class Moments:
    """Exact over all counted tokens: counts are integers, sums float64.

    `sums` [power, latent] are of a, a^2, a^3, a^4; `mass` is the sum over firings; `hist` counts
    firings in [underflow, bins…, overflow].
    """

    def __init__(self, n_latents: int, two_signed: bool) -> None:
        self.two_signed = two_signed
        self.firings = np.zeros(n_latents, np.int64)
        self.sums = np.zeros((4, n_latents))
        self.mass = np.zeros(n_latents)
        self.hist = np.zeros((n_latents, N_BINS + 2), np.int64)
        self.highest = np.full(n_latents, -np.inf, np.float32)
        self.lowest = np.full(n_latents, np.inf, np.float32)

    def add(self, block: Block) -> None:
        """Takes in one block."""
        n = len(block.acts)
        fired = np.bincount(block.latent, minlength=n)
        self.firings[block.rows] += fired
        self.mass[block.rows] += np.bincount(block.latent, weights=block.value, minlength=n)
        self.sums[:, block.rows] += _dense_sums(block) if self.two_signed else _sparse_sums(block)
        bins = block.latent * (N_BINS + 2) + histogram_bin(block.value)
        self.hist[block.rows] += np.bincount(bins, minlength=n * (N_BINS + 2)).reshape(n, -1)
        np.maximum(self.highest[block.rows], block.acts.max(axis=1), out=self.highest[block.rows])
        np.minimum(self.lowest[block.rows], block.acts.min(axis=1), out=self.lowest[block.rows])

    def state(self) -> dict[str, np.ndarray]:
        """The arrays to save and restore."""
        names = ("firings", "sums", "mass", "hist", "highest", "lowest")
        return {name: getattr(self, name) for name in names}


def histogram_bin(value: np.ndarray) -> np.ndarray:
    """0 below the first bin, 1..N_BINS inside, N_BINS + 1 above: quarter octaves of positive floats."""
    quarter = (value.view(np.int32) >> _SHIFT) - _FIRST_BIN
    return np.clip(quarter, -1, N_BINS) + 1


def _sparse_sums(block: Block) -> np.ndarray:
    """Powers of the firings: all else is 0."""
    value, n = block.value.astype(np.float64), len(block.acts)
    power, sums = np.ones_like(value), np.empty((4, n))
    for row in sums:
        power *= value
        row[:] = np.bincount(block.latent, weights=power, minlength=n)
    return sums


def _dense_sums(block: Block) -> np.ndarray:
    """Powers of every activation; numpy's pairwise sum of a row errs by log2(columns) * 6e-8 at most."""
    power, sums = block.acts, np.empty((4, len(block.acts)))
    for row in sums:
        row[:] = power.sum(axis=1)
        power = power * block.acts
    return sums
