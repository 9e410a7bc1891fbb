"""Top, bottom, band and random examples of every latent."""

from __future__ import annotations

import hashlib

import numpy as np

from feature_atlas.contract import DICTIONARY as SPECS
from feature_atlas.contract import FIRST_OCTAVE, LAST_OCTAVE, N_RANDOM, PER_BAND, numpy_dtype
from pipeline.core.accumulate.best import LOW, TOKEN_BITS, Best, Entered, enter, floor_of, order_of, pack
from pipeline.core.accumulate.block import Block
from pipeline.core.accumulate.kernel import kernel, mix

N_OCTAVES = LAST_OCTAVE - FIRST_OCTAVE + 2  # with one below and one above


class Extremes:
    """The `k` windows of highest (or, with sign -1, lowest) activation of every latent.

    One example per window, at its first peak; ties go to the earlier window. Units of one sign
    have an example only where they fire.
    """

    def __init__(self, n_latents: int, k: int, two_signed: bool, sign: int = 1) -> None:
        self.best = Best(n_latents, k, acts_dtype(two_signed))
        self.sign = sign

    def add(self, block: Block) -> None:
        """Takes in one block."""
        batch, key = block.batch, self.best.key[block.rows]
        entered = Entered.room(block.n_latents * len(batch.windows))
        into = (batch.token, block.lo, key, entered.arrays)
        if block.acts is None:
            n = _peaks_sparse(block.edge, block.column, block.value, batch.window, *into)
        else:
            reduce = np.maximum if self.sign > 0 else np.minimum
            peaks = reduce.reduceat(block.acts, batch.start, axis=1)
            n = _peaks_dense(block.acts, peaks, self.sign, batch.start, *into)
        self.best.cut(block, entered, n)

    def merge(self, other: Extremes) -> None:
        """Takes in what another gathered of other windows."""
        self.best.merge(other.best)

    def state(self) -> dict[str, np.ndarray]:
        """The arrays to save and restore."""
        return self.best.state()


class Samples:
    """Uniform samples of every latent's firings: PER_BAND of each octave, N_RANDOM of all.

    Each firing has a hash of (seed, dictionary, latent, document, position); the largest hashes stay.
    Upper and lower half of the 64 bits make the two samples independent of each other. Taken over a
    union of octaves, the largest hashes are again a uniform sample: that is how bands are drawn.
    """

    def __init__(self, n_latents: int, two_signed: bool, name: str, seed: int) -> None:
        self.octaves = Best(n_latents * N_OCTAVES, PER_BAND, acts_dtype(two_signed))
        self.random = Best(n_latents, N_RANDOM, acts_dtype(two_signed))
        salt = hashlib.sha256(f"{seed}/{name}".encode()).digest()
        self._salt = np.uint64(int.from_bytes(salt[:8], "little"))

    def add(self, block: Block) -> None:
        """Takes in one block."""
        firings = (block.edge, block.column, block.value, block.batch.token, mix(block.batch.name), block.lo)
        octaves, random = Entered.room(len(block.value)), Entered.room(len(block.value))
        keys = (self.octaves.key, self.random.key, octaves.arrays, random.arrays)
        n_octaves, n_random = _draw(*firings, self._salt, *keys)
        self.octaves.cut(block, octaves, n_octaves)
        self.random.cut(block, random, n_random)

    def merge(self, other: Samples) -> None:
        """Takes in what another gathered of other windows."""
        self.octaves.merge(other.octaves)
        self.random.merge(other.random)

    def state(self) -> dict[str, np.ndarray]:
        """The arrays to save and restore."""
        parts = {"octaves": self.octaves.state(), "random": self.random.state()}
        return {f"{part}/{name}": array for part, arrays in parts.items() for name, array in arrays.items()}


def acts_dtype(two_signed: bool) -> np.dtype:
    """u1, or i1 for units of two signs, as the contract says of `examples/acts`."""
    spec = next(spec for spec in SPECS if spec.path == "examples/acts")
    return np.dtype(numpy_dtype(spec, 0, two_signed))


@kernel
def octave(bits):
    """0 below 2^FIRST_OCTAVE, then 1 + floor(log2(value)) - FIRST_OCTAVE, up to N_OCTAVES - 1."""
    return min(max((bits >> 23) - 127 - FIRST_OCTAVE, -1), LAST_OCTAVE - FIRST_OCTAVE) + 1


@kernel
def _peaks_sparse(edge, columns, values, window, token, lo, key, entered):
    """Offers each window's first highest firing."""
    bits, n = values.view(np.int32), 0
    for latent in range(len(edge) - 1):
        least, f = floor_of(key[latent]), edge[latent]
        while f < edge[latent + 1]:
            peak, w = f, window[columns[f]]
            while f < edge[latent + 1] and window[columns[f]] == w:
                if values[f] > values[peak]:
                    peak = f
                f += 1
            column = columns[peak]
            offered = pack(order_of(bits[peak]), token[column])
            if offered > key[latent, least]:
                key[latent, least] = offered
                enter(entered, n, lo + latent, least, offered, latent, column, peak)
                n += 1
                least = floor_of(key[latent])
    return n


@kernel
def _peaks_dense(acts, peaks, sign, start, token, lo, key, entered):
    """Offers each window's first activation that equals its peak."""
    n = 0
    for latent in range(len(peaks)):
        least = floor_of(key[latent])
        for w in range(peaks.shape[1]):
            reached = order_of(np.float32(sign * peaks[latent, w]).view(np.int32))
            if reached < key[latent, least] >> TOKEN_BITS:
                continue
            column = start[w]
            while acts[latent, column] != peaks[latent, w]:
                column += 1
            offered = pack(reached, token[column])
            if offered > key[latent, least]:
                key[latent, least] = offered
                enter(entered, n, lo + latent, least, offered, latent, column, -1)
                n += 1
                least = floor_of(key[latent])
    return n


@kernel
def _draw(edge, columns, values, token, name, lo, salt, octaves, random, in_octaves, in_random):
    """Offers every firing to its octave by the upper half of its hash, to all firings' by the lower.

    Most are turned away by one comparison with the lowest rank that is kept there.
    """
    bits, n_octaves, n_random = values.view(np.int32), 0, 0
    slot, lowest = np.zeros(N_OCTAVES, np.int64), np.zeros(N_OCTAVES, np.uint64)
    for latent in range(len(edge) - 1):
        own, row = mix(salt + np.uint64(lo + latent)), lo + latent
        first = row * N_OCTAVES
        for o in range(N_OCTAVES):
            slot[o] = floor_of(octaves[first + o])
            lowest[o] = octaves[first + o, slot[o]] >> TOKEN_BITS
        least = floor_of(random[row])
        for f in range(edge[latent], edge[latent + 1]):
            column = columns[f]
            draw = mix(own ^ name[column])
            o = octave(bits[f])
            if draw >> TOKEN_BITS >= lowest[o]:
                offered = pack(draw >> TOKEN_BITS, token[column])
                if offered > octaves[first + o, slot[o]]:
                    octaves[first + o, slot[o]] = offered
                    enter(in_octaves, n_octaves, first + o, slot[o], offered, latent, column, f)
                    n_octaves += 1
                    slot[o] = floor_of(octaves[first + o])
                    lowest[o] = octaves[first + o, slot[o]] >> TOKEN_BITS
            if draw & LOW >= random[row, least] >> TOKEN_BITS:
                offered = pack(draw & LOW, token[column])
                if offered > random[row, least]:
                    random[row, least] = offered
                    enter(in_random, n_random, row, least, offered, latent, column, f)
                    n_random += 1
                    least = floor_of(random[row])
    return n_octaves, n_random
