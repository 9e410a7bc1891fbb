"""The few of largest key in each row, with their excerpts: top lists and uniform samples alike."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np
from jaxtyping import Float, Int, Integer, UInt64

from feature_atlas.contract import EXCERPT


@dataclass(frozen=True)
class Excerpts:
    """Quantised activations around peaks: `acts * scale`, zero beyond the excerpt's end."""

    value: Float[np.ndarray, " peak"]
    scale: Float[np.ndarray, " peak"]
    acts: Integer[np.ndarray, "peak offset"]


# Cuts the excerpts of some of the candidates last offered, by their index there.
CutExcerpts = Callable[[np.ndarray], Excerpts]


class Best:
    """Keeps the `k` largest keys of each row. Keys are unique in a row; 0 marks an empty slot.

    The outcome does not depend on the order of offers or on how they are split: it is the k
    largest of all keys offered.
    """

    def __init__(self, n_rows: int, k: int, acts_dtype: np.dtype) -> None:
        self.k = k
        self.key = np.zeros((n_rows, k), np.uint64)
        self.value = np.zeros((n_rows, k), np.float32)
        self.scale = np.zeros((n_rows, k), np.float32)
        self.acts = np.zeros((n_rows, k, EXCERPT), acts_dtype)

    @property
    def floor(self) -> UInt64[np.ndarray, " row"]:
        """Keys at or below their row's floor change nothing."""
        return self.key[:, -1]

    def offer(
        self, row: Int[np.ndarray, " candidate"], key: UInt64[np.ndarray, " candidate"], cut: CutExcerpts
    ) -> None:
        """Considers candidates; excerpts are cut only of those that stay."""
        alive = np.flatnonzero(key > self.floor[row])
        if not len(alive):
            return
        candidate, touched, where, rank = self._front(row, key, alive)
        fresh = np.zeros((len(touched), self.k), np.uint64)
        origin = np.zeros((len(touched), self.k), np.int64)
        fresh[where, rank], origin[where, rank] = key[candidate], candidate
        both = np.concatenate([self.key[touched], fresh], axis=1)
        pick = np.argsort(both, axis=1)[:, : -self.k - 1 : -1]
        self._replace(touched, both, pick, origin, cut)

    def state(self) -> dict[str, np.ndarray]:
        """The arrays to save and restore."""
        return {"key": self.key, "value": self.value, "scale": self.scale, "acts": self.acts}

    def _front(self, row: np.ndarray, key: np.ndarray, alive: np.ndarray) -> tuple[np.ndarray, ...]:
        """Of each row's candidates the k largest: their index, the rows, the row's place, the rank."""
        order = alive[np.lexsort((~key[alive], row[alive]))]
        touched, first, where = np.unique(row[order], return_index=True, return_inverse=True)
        rank = np.arange(len(order)) - first[where]
        front = rank < self.k
        return order[front], touched, where[front], rank[front]

    def _replace(
        self, touched: np.ndarray, both: np.ndarray, pick: np.ndarray, origin: np.ndarray, cut: CutExcerpts
    ) -> None:
        key = np.take_along_axis(both, pick, axis=1)
        new = (pick >= self.k) & (key > 0)
        old = np.where(pick < self.k, pick, 0)
        value = np.take_along_axis(self.value[touched], old, axis=1)
        scale = np.take_along_axis(self.scale[touched], old, axis=1)
        acts = np.take_along_axis(self.acts[touched], old[..., None], axis=1)
        excerpts = cut(np.take_along_axis(origin, np.where(new, pick - self.k, 0), axis=1)[new])
        value[new], scale[new], acts[new] = excerpts.value, excerpts.scale, excerpts.acts
        empty = key == 0
        value[empty], scale[empty], acts[empty] = 0, 0, 0
        self.key[touched], self.value[touched], self.scale[touched], self.acts[touched] = (
            key,
            value,
            scale,
            acts,
        )


TOKEN_BITS = np.uint64(32)
_LOW = np.uint64(2**32 - 1)


def pack(rank: np.ndarray, token: Int[np.ndarray, " candidate"]) -> UInt64[np.ndarray, " candidate"]:
    """Key of 32 bits of rank over 32 of inverted corpus token: of equal ranks the earlier token wins."""
    return (rank.astype(np.uint64) << TOKEN_BITS) | (_LOW - token.astype(np.uint64))


def token_of(key: UInt64[np.ndarray, ...]) -> Int[np.ndarray, ...]:
    """The corpus token in a key."""
    return (_LOW - (key & _LOW)).astype(np.int64)


def order_of(value: Float[np.ndarray, " candidate"]) -> np.ndarray:
    """Unsigned 32-bit numbers in the same order as the floats; 0.0 and -0.0 are one."""
    bits = (value + np.float32(0)).view(np.int32)
    return (bits ^ ((bits >> 31) & 0x7FFFFFFF)).astype(np.int64) + 2**31
