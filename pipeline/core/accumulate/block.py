"""Where latents fire in a batch, as the accumulators see it."""

from __future__ import annotations

import threading
from dataclasses import dataclass

import numpy as np
from jaxtyping import Float, Float32, Int32, Int64

from pipeline.core.accumulate.fired import Fired
from pipeline.core.accumulate.kernel import kernel
from pipeline.core.windows import Batch

SQUARE = 8
RUN = 64  # columns looked at together: many runs of a sparse latent hold no firing at all


@dataclass(frozen=True)
class Block:
    """Firings of the latents `lo`, `lo + 1`, … at the counted positions of a batch.

    Latent by latent: those of latent `lo + i` are `edge[i]` to `edge[i + 1]`, their columns ascending.
    Of units of two signs `acts` has every activation, of others only the firings are kept.
    """

    lo: int
    batch: Batch
    edge: Int64[np.ndarray, " latent_edge"]
    column: Int32[np.ndarray, " firing"]
    value: Float32[np.ndarray, " firing"]
    acts: Float32[np.ndarray, "latent column"] | None = None

    @property
    def n_latents(self) -> int:
        """Latents in the block."""
        return len(self.edge) - 1

    @property
    def fired(self) -> Fired:
        """Where its latents fire: a copy, which does not hold the block's memory."""
        return Fired(self.edge, self.column.copy(), len(self.batch.token))

    @property
    def rows(self) -> slice:
        """The block's latents in arrays over the whole dictionary."""
        return slice(self.lo, self.lo + self.n_latents)


def above(
    pre: Float32[np.ndarray, "latent column"],
    bias: Float32[np.ndarray, " latent"],
    threshold: Float32[np.ndarray, " latent"],
    lo: int,
    batch: Batch,
) -> Block:
    """Fires where pre + bias > threshold: ReLU (threshold 0) and JumpReLU."""
    column, value = _scratch(pre.size)
    edge = _above(pre, bias, threshold, column, value)
    return Block(lo, batch, edge, column[: edge[-1]].copy(), value[: edge[-1]].copy())


def turned(acts: Float32[np.ndarray, "column latent"]) -> Float32[np.ndarray, "latent column"]:
    """Latents-major, by squares that stay in cache: four times as fast as row by row."""
    latents_major = np.empty(acts.shape[::-1], np.float32)
    _turn(acts, latents_major)
    return latents_major


def dense(acts: Float32[np.ndarray, "latent column"], lo: int, batch: Batch) -> Block:
    """Units of two signs: fires where the activation is above 0; all of them are kept."""
    column, value = _scratch(acts.size)
    edge = _positive(acts, column, value)
    return Block(lo, batch, edge, column[: edge[-1]].copy(), value[: edge[-1]].copy(), acts)


def listed(
    latents: Int64[np.ndarray, "column k"],
    values: Float[np.ndarray, "column k"],
    n_latents: int,
    batch: Batch,
) -> Block:
    """Each position's k latents (TopK); a value of 0 is no firing."""
    edge, column, value = _by_latent(latents, values, n_latents)
    return Block(0, batch, edge, column, value)


_here = threading.local()


def _scratch(n: int) -> tuple[np.ndarray, np.ndarray]:
    """Room for n columns and values, kept by each thread: fresh memory costs more than filling it."""
    room = getattr(_here, "room", None)
    if room is None or len(room[0]) < n:
        room = _here.room = (np.empty(n, np.int32), np.empty(n, np.float32))
    return room


@kernel
def _turn(acts, into):
    n_columns, n_latents = acts.shape
    for first in range(0, n_latents, SQUARE):
        for start in range(0, n_columns, SQUARE):
            for column in range(start, min(start + SQUARE, n_columns)):
                for latent in range(first, min(first + SQUARE, n_latents)):
                    into[latent, column] = acts[column, latent]


@kernel
def _above(pre, bias, threshold, column, value):
    n_latents, n_columns = pre.shape
    edge = np.zeros(n_latents + 1, np.int64)
    n = 0
    for latent in range(n_latents):
        row, b, t = pre[latent], bias[latent], threshold[latent]
        start = 0
        while start + RUN <= n_columns:
            hit = False
            for i in range(RUN):
                hit |= row[start + i] + b > t
            if hit:
                for i in range(start, start + RUN):
                    v = row[i] + b
                    column[n], value[n] = i, v
                    n += v > t
            start += RUN
        for i in range(start, n_columns):
            v = row[i] + b
            column[n], value[n] = i, v
            n += v > t
        edge[latent + 1] = n
    return edge


@kernel
def _positive(acts, column, value):
    """Not by runs: hardly one of neurons' is without a firing."""
    n_latents, n_columns = acts.shape
    edge = np.zeros(n_latents + 1, np.int64)
    n = 0
    for latent in range(n_latents):
        row = acts[latent]
        for i in range(n_columns):
            column[n], value[n] = i, row[i]
            n += row[i] > 0
        edge[latent + 1] = n
    return edge


@kernel
def _by_latent(latents, values, n_latents):
    """A counting sort: columns stay ascending within each latent."""
    n_columns, k = latents.shape
    edge = np.zeros(n_latents + 1, np.int64)
    for c in range(n_columns):
        for i in range(k):
            if values[c, i] > 0:
                edge[latents[c, i] + 1] += 1
    for latent in range(n_latents):
        edge[latent + 1] += edge[latent]
    at = edge[:-1].copy()
    column, value = np.empty(edge[-1], np.int32), np.empty(edge[-1], np.float32)
    for c in range(n_columns):
        for i in range(k):
            if values[c, i] > 0:
                n = at[latents[c, i]]
                column[n], value[n] = c, values[c, i]
                at[latents[c, i]] = n + 1
    return edge, column, value
