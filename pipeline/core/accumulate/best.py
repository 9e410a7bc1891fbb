"""The few of largest key in each row, with their excerpts: top lists and uniform samples alike."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from jaxtyping import Int32, Int64, UInt64

from feature_atlas.contract import EXCERPT
from pipeline.core.accumulate.block import Block
from pipeline.core.accumulate.kernel import kernel


@dataclass(frozen=True)
class Entered:
    """What a block brought into a `Best`, in the order it came: where to, and whose excerpt to cut.

    `latent` counts from the block's first; `firing` is the index among the block's firings, or -1
    where the activation is none.
    """

    row: Int64[np.ndarray, " entry"]
    slot: Int32[np.ndarray, " entry"]
    key: UInt64[np.ndarray, " entry"]
    latent: Int32[np.ndarray, " entry"]
    column: Int32[np.ndarray, " entry"]
    firing: Int64[np.ndarray, " entry"]

    @classmethod
    def room(cls, n: int) -> Entered:
        """For up to `n` entries."""
        whole, half = np.int64, np.int32
        return cls(*(np.empty(n, kind) for kind in (whole, half, np.uint64, half, half, whole)))

    @property
    def arrays(self) -> tuple[np.ndarray, ...]:
        """All of them in the order of the fields: what the kernels call `entered`."""
        return self.row, self.slot, self.key, self.latent, self.column, self.firing


class Best:
    """Keeps the `k` largest keys of each row. Keys are unique in a row; 0 marks an empty slot.

    The outcome does not depend on the order of offers or on how they are split: it is the k
    largest of all keys offered. Slots are in no order.
    """

    def __init__(self, n_rows: int, k: int, acts_dtype: np.dtype) -> None:
        self.key = np.zeros((n_rows, k), np.uint64)
        # What is written together lies together: one miss of the cache for each entry, not three.
        entry = np.zeros((n_rows, k, 2 * FLOAT + EXCERPT), np.uint8)
        self.value, self.scale = (entry.view(np.float32)[..., i] for i in range(2))
        self.acts = entry[..., 2 * FLOAT :].view(acts_dtype)

    def cut(self, block: Block, entered: Entered, n: int) -> None:
        """Writes value and excerpt of the first `n` entered, unless something greater took its slot."""
        kept = (self.key, self.value, self.scale, self.acts)
        excerpt = (block.batch.excerpt_start, block.batch.excerpt_stop)
        if block.acts is None:
            _cut_sparse(n, entered.arrays, kept, *excerpt, block.edge, block.column, block.value)
        else:
            _cut_dense(n, entered.arrays, kept, *excerpt, block.acts)

    def merge(self, other: Best) -> None:
        """Takes in what another kept."""
        mine = (self.key, self.value, self.scale, self.acts)
        _merge(*mine, other.key, other.value, other.scale, other.acts)

    def state(self) -> dict[str, np.ndarray]:
        """The arrays to save and restore."""
        return {"key": self.key, "value": self.value, "scale": self.scale, "acts": self.acts}


FLOAT = 4  # bytes
TOKEN_BITS = np.uint64(32)
LOW = np.uint64(2**32 - 1)


def token_of(key: UInt64[np.ndarray, ...]) -> Int64[np.ndarray, ...]:
    """The corpus token in a key."""
    return (LOW - (key & LOW)).astype(np.int64)


@kernel
def pack(rank, token):
    """Key of 32 bits of rank over 32 of inverted corpus token: of equal ranks the earlier token wins."""
    return (np.uint64(rank) << TOKEN_BITS) | (LOW - np.uint64(token))


@kernel
def order_of(bits):
    """Unsigned 32-bit numbers in the same order as the floats that `bits` are; 0.0 and -0.0 are one."""
    if bits == -(2**31):
        bits = 0
    return np.uint64((bits ^ ((bits >> 31) & 0x7FFFFFFF)) + 2**31)


@kernel
def floor_of(keys):
    """The slot of the smallest key: keys at or below it change nothing."""
    slot = 0
    for i in range(1, len(keys)):
        if keys[i] < keys[slot]:
            slot = i
    return slot


@kernel
def quantise(acts, steps, whole):
    """`acts` in whole steps into `whole`, and the size of one step: the largest magnitude takes them all.

    What is not 0 never becomes 0. `whole` beyond the length of `acts` is left as it is.
    """
    largest = np.float32(0)
    for a in acts:
        largest = max(largest, abs(a))
    scale = np.float32(largest / np.float32(steps))
    for i in range(len(acts)):
        a = acts[i]
        n = np.rint(a / scale) if scale > 0 else np.float32(0)
        if n == 0 and a != 0:
            n = np.sign(a)
        whole[i] = min(max(n, -steps), steps)
    return scale


@kernel
def enter(entered, n, row, slot, key, latent, column, firing):
    """Writes entry `n`."""
    rows, slots, keys, latents, columns, firings = entered
    rows[n], slots[n], keys[n] = row, slot, key
    latents[n], columns[n], firings[n] = latent, column, firing


@kernel
def _cut_dense(n, entered, kept, start, stop, acts):
    rows, slots, keys, latents, columns, _ = entered
    key, value, scale, excerpts = kept
    steps = 127
    for i in range(n):
        row, slot, latent, column = rows[i], slots[i], latents[i], columns[i]
        if key[row, slot] == keys[i]:
            excerpt = acts[latent, start[column] : stop[column]]
            value[row, slot] = acts[latent, column]
            excerpts[row, slot] = 0
            scale[row, slot] = quantise(excerpt, steps, excerpts[row, slot])


@kernel
def _cut_sparse(n, entered, kept, start, stop, edge, column_of, value_of):
    """Firings of the excerpt stand around this one: a latent's columns ascend."""
    rows, slots, keys, latents, columns, firings = entered
    key, value, scale, excerpts = kept
    steps = 255
    for i in range(n):
        row, slot, latent, column = rows[i], slots[i], latents[i], columns[i]
        if key[row, slot] != keys[i]:
            continue
        first, last = firings[i], firings[i] + 1
        while first > edge[latent] and column_of[first - 1] >= start[column]:
            first -= 1
        while last < edge[latent + 1] and column_of[last] < stop[column]:
            last += 1
        value[row, slot] = value_of[firings[i]]
        whole = np.zeros(last - first, np.uint8)
        scale[row, slot] = quantise(value_of[first:last], steps, whole)
        excerpts[row, slot] = 0
        for f in range(first, last):
            excerpts[row, slot, column_of[f] - start[column]] = whole[f - first]


@kernel
def _merge(key, value, scale, acts, other_key, other_value, other_scale, other_acts):
    for r in range(len(key)):
        slot = floor_of(key[r])
        for j in range(key.shape[1]):
            if other_key[r, j] > key[r, slot]:
                key[r, slot], value[r, slot] = other_key[r, j], other_value[r, j]
                scale[r, slot], acts[r, slot] = other_scale[r, j], other_acts[r, j]
                slot = floor_of(key[r])
