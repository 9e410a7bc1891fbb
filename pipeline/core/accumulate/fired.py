"""Where the latents of a dictionary fire, without the activations."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from jaxtyping import Int32, Int64, UInt64

from pipeline.core.accumulate.kernel import kernel


@dataclass(frozen=True)
class Fired:
    """Latent i fires at the columns `column[edge[i]:edge[i + 1]]`, ascending, of `n_columns`."""

    edge: Int64[np.ndarray, " latent_edge"]
    column: Int32[np.ndarray, " firing"]
    n_columns: int

    @property
    def n_latents(self) -> int:
        """Latents, firing or not."""
        return len(self.edge) - 1

    @property
    def firings(self) -> Int64[np.ndarray, " latent"]:
        """How often each latent fires."""
        return np.diff(self.edge)

    @classmethod
    def beside(cls, parts: Sequence[Fired]) -> Fired:
        """The latents of all parts, numbered one after another, over the same columns."""
        edge = np.concatenate([[0], *(part.firings for part in parts)]).cumsum()
        return cls(edge, np.concatenate([part.column for part in parts]), parts[0].n_columns)

    @classmethod
    def after(cls, parts: Sequence[Fired]) -> Fired:
        """The columns of all parts, numbered one after another, of the same latents."""
        firings = np.sum([part.firings for part in parts], axis=0)
        edge = np.concatenate([[0], firings.cumsum()])
        column, at, offset = np.empty(edge[-1], np.int32), edge[:-1].copy(), 0
        for part in parts:
            _append(part.edge, part.column, offset, column, at)
            offset += part.n_columns
        return cls(edge, column, offset)

    def bits(self) -> UInt64[np.ndarray, "latent word"]:
        """A bit for each column, set where the latent fires."""
        bits = np.zeros((self.n_latents, -(-self.n_columns // 64)), np.uint64)
        _set(self.edge, self.column, bits)
        return bits

    def by_column(self) -> Fired:
        """Transposed: the latents that fire at each column."""
        firings = np.zeros(self.n_columns, np.int64)
        _tally(self.column, firings)
        edge = np.concatenate([[0], firings.cumsum()])
        latent = np.empty_like(self.column)
        _transpose(self.edge, self.column, edge[:-1].copy(), latent)
        return Fired(edge, latent, self.n_latents)


@kernel
def _append(edge, columns, offset, into, at):
    for latent in range(len(edge) - 1):
        n = at[latent]
        for f in range(edge[latent], edge[latent + 1]):
            into[n] = columns[f] + offset
            n += 1
        at[latent] = n


@kernel
def _tally(columns, into):
    for c in columns:
        into[c] += 1


@kernel
def _transpose(edge, columns, at, latents):
    for latent in range(len(edge) - 1):
        for f in range(edge[latent], edge[latent + 1]):
            c = columns[f]
            latents[at[c]] = latent
            at[c] += 1


@kernel
def _set(edge, columns, bits):
    for latent in range(len(bits)):
        for f in range(edge[latent], edge[latent + 1]):
            c = columns[f]
            bits[latent, c >> 6] |= np.uint64(1) << np.uint64(c & 63)
