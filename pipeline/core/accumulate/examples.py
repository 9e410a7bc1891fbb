"""Top, bottom, band and random examples of every latent."""

from __future__ import annotations

import hashlib
from functools import partial

import numpy as np
from jaxtyping import Float, Integer, UInt64

from feature_atlas.contract import DICTIONARY as SPECS
from feature_atlas.contract import (
    EXCERPT,
    FIRST_OCTAVE,
    LAST_OCTAVE,
    N_RANDOM,
    PER_BAND,
    numpy_dtype,
)
from pipeline.core.accumulate.best import Best, Excerpts, order_of, pack
from pipeline.core.accumulate.block import Block
from pipeline.core.windows import Windows

N_OCTAVES = LAST_OCTAVE - FIRST_OCTAVE + 2  # with one below and one above


class Extremes:
    """The `k` windows of highest (or, with sign -1, lowest) activation of every latent.

    One example per window, at its first peak; ties go to the earlier window. Units of one sign
    have an example only where they fire.
    """

    def __init__(self, n_latents: int, k: int, windows: Windows, two_signed: bool, sign: int = 1) -> None:
        self.best = Best(n_latents, k, acts_dtype(two_signed))
        self.windows, self.two_signed, self.sign = windows, two_signed, sign

    def add(self, block: Block) -> None:
        """Takes in one block."""
        reduce = np.maximum if self.sign > 0 else np.minimum
        peaks = reduce.reduceat(block.acts, block.batch.start, axis=1)
        # A window enters only by a peak above the k-th, or equal to it: then the key decides.
        reached = order_of(self.sign * peaks.ravel()).reshape(peaks.shape)
        floor = (self.best.floor[block.rows] >> np.uint64(32)).astype(np.int64)
        entering = reached >= floor[:, None]
        if not self.two_signed:
            entering &= peaks > 0
        latent, window = np.nonzero(entering)
        if not len(latent):
            return
        column = _first_peak(block, latent, window, peaks[latent, window])
        key = pack(reached[latent, window], block.batch.token[column])
        cut = partial(_cut, block, self.windows, self.best.acts.dtype, latent, column)
        self.best.offer(block.lo + latent, key, cut)


class Samples:
    """Uniform samples of every latent's firings: PER_BAND of each octave, N_RANDOM of all.

    Each firing has a hash of (seed, dictionary, latent, document, position); the largest hashes stay.
    Upper and lower half of the 64 bits make the two samples independent of each other. Taken over a
    union of octaves, the largest hashes are again a uniform sample: that is how bands are drawn.
    """

    def __init__(self, n_latents: int, windows: Windows, two_signed: bool, name: str, seed: int) -> None:
        self.octaves = Best(n_latents * N_OCTAVES, PER_BAND, acts_dtype(two_signed))
        self.random = Best(n_latents, N_RANDOM, acts_dtype(two_signed))
        self.windows = windows
        salt = hashlib.sha256(f"{seed}/{name}".encode()).digest()
        self._salt = np.uint64(int.from_bytes(salt[:8], "little"))

    def add(self, block: Block) -> None:
        """Takes in one block."""
        token = block.batch.token[block.column]
        latents = mix(self._salt + np.arange(block.rows.start, block.rows.stop, dtype=np.uint64))
        tokens = mix(self._names(block.batch.token))
        draw = mix(latents[block.latent] ^ tokens[block.column])
        cut = partial(_cut, block, self.windows, self.random.acts.dtype, block.latent, block.column)
        row = (block.lo + block.latent) * N_OCTAVES + octave(block.value)
        self.octaves.offer(row, pack(draw >> np.uint64(32), token), cut)
        self.random.offer(block.lo + block.latent, pack(draw & np.uint64(2**32 - 1), token), cut)

    def _names(self, token: Integer[np.ndarray, " column"]) -> UInt64[np.ndarray, " column"]:
        document = self.windows.documents(token)
        position = token - self.windows.corpus.starts[document]
        return (document.astype(np.uint64) << np.uint64(32)) | position.astype(np.uint64)


def octave(value: Float[np.ndarray, " firing"]) -> Integer[np.ndarray, " firing"]:
    """0 below 2^FIRST_OCTAVE, then 1 + floor(log2(value)) - FIRST_OCTAVE, up to N_OCTAVES - 1."""
    exponent = (value.view(np.int32) >> 23) - 127
    return np.clip(exponent - FIRST_OCTAVE, -1, LAST_OCTAVE - FIRST_OCTAVE) + 1


def mix(x: UInt64[np.ndarray, " n"]) -> UInt64[np.ndarray, " n"]:
    """The splitmix64 finaliser (Steele, Lea, Flood 2014): every input bit flips half the output bits."""
    x = (x ^ (x >> np.uint64(30))) * np.uint64(0xBF58476D1CE4E5B9)
    x = (x ^ (x >> np.uint64(27))) * np.uint64(0x94D049BB133111EB)
    return x ^ (x >> np.uint64(31))


def acts_dtype(two_signed: bool) -> np.dtype:
    """u1, or i1 for units of two signs, as the contract says of `examples/acts`."""
    spec = next(spec for spec in SPECS if spec.path == "examples/acts")
    return np.dtype(numpy_dtype(spec, 0, two_signed))


def quantise(acts: Float[np.ndarray, "peak offset"], dtype: np.dtype) -> tuple[np.ndarray, np.ndarray]:
    """Whole steps and the size of one: the largest magnitude takes all steps; non-zero is never 0."""
    steps = np.iinfo(dtype).max
    scale = (np.abs(acts).max(axis=1) / np.float32(steps)).astype(np.float32)
    safe = np.where(scale > 0, scale, np.float32(1))[:, None]
    whole = np.rint(acts / safe)
    whole = np.where((whole == 0) & (acts != 0), np.sign(acts), whole)
    return np.clip(whole, -steps, steps).astype(dtype), scale


def _first_peak(block: Block, latent: np.ndarray, window: np.ndarray, peak: np.ndarray) -> np.ndarray:
    """The first column of each (latent, window) that holds its peak."""
    start, stop = block.batch.start[window], block.batch.stop[window]
    offset = np.arange(int((stop - start).max()))
    column = np.minimum(start[:, None] + offset, stop[:, None] - 1)
    return start + (block.acts[latent[:, None], column] == peak[:, None]).argmax(axis=1)


def _cut(
    block: Block,
    windows: Windows,
    dtype: np.dtype,
    latent: np.ndarray,
    column: np.ndarray,
    candidates: np.ndarray,
) -> Excerpts:
    latent, column = latent[candidates], column[candidates]
    first, length = windows.excerpts(block.batch.token[column])
    offset = np.arange(EXCERPT)
    inside = offset < length[:, None]
    begin = column - (block.batch.token[column] - first)
    around = np.where(inside, begin[:, None] + offset, 0)
    acts = np.where(inside, block.acts[latent[:, None], around], np.float32(0))
    whole, scale = quantise(acts, dtype)
    return Excerpts(block.acts[latent, column], scale, whole)
