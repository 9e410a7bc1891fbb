"""Windows that show what a head does: by write norm, by attention, at random; with where it looks."""

from __future__ import annotations

import hashlib

import numpy as np
from jaxtyping import Float32

from feature_atlas.contract import ATTENTION_STEPS, LEAST_ATTENTION, N_KEYS, head_sections
from pipeline.core.accumulate.attention import Attention
from pipeline.core.accumulate.best import LOW, TOKEN_BITS
from pipeline.core.accumulate.kernel import kernel, mix

_LEAST = np.float32(LEAST_ATTENTION)


class HeadWindows:
    """For every head the windows of largest write norm, of most attention, and a uniform sample.

    A window's write norm is the largest of its counted pairs; its attention is the sum over its counted
    queries of their largest attention to an earlier counted key. (That largest itself says little: heads
    that look back at all reach 1 in nearly every window.) The sample has the windows of largest hash of
    (seed, `name`, head, document, position).
    """

    def __init__(self, n_heads: int, ctx: int, name: str, seed: int) -> None:
        rows = head_sections()
        self.kept = {section: Kept(n_heads, stop - start, ctx) for section, (start, stop) in rows.items()}
        salt = hashlib.sha256(f"{seed}/{name}".encode()).digest()
        first = np.uint64(int.from_bytes(salt[:8], "little"))
        self._own = mix(first + np.arange(n_heads, dtype=np.uint64))

    def add(self, seen: Attention) -> None:
        """Takes in one head's attention in one batch."""
        start = seen.batch.start
        token = LOW - seen.batch.token[start].astype(np.uint64)
        attention = seen.earlier.sum(axis=1, dtype=np.float64).astype(np.float32)
        draw = mix(self._own[seen.head] ^ mix(seen.batch.name[start]))
        ranks = {
            "write": seen.write.max(axis=1).view(np.uint32).astype(np.uint64),
            "attention": attention.view(np.uint32).astype(np.uint64),
            "random": draw >> TOKEN_BITS,
        }
        for section, rank in ranks.items():
            kept, key = self.kept[section], rank << TOKEN_BITS | token
            for w in np.flatnonzero(key > kept.key[seen.head].min()).tolist():
                peak = _highest(seen, w) if section == "attention" else _heaviest(seen, w)
                kept.offer(key[w], seen, w, attention[w], peak)

    def merge(self, other: HeadWindows) -> None:
        """Takes in what another kept of other windows."""
        for section, kept in self.kept.items():
            kept.merge(other.kept[section])

    def state(self) -> dict[str, np.ndarray]:
        """The arrays to save and restore."""
        return {f"{name}/{k}": array for name, kept in self.kept.items() for k, array in vars(kept).items()}


class Kept:
    """The `k` windows of largest key of each head, in no order; key 0 marks an empty slot.

    A key is 32 bits of rank, which a positive float's bits are too, over 32 of inverted corpus token: of
    equal ranks the earlier window wins. `write` and `attention` are the window's, `pattern` the attention
    at the peak, from `query` to `source`. `keys` and `steps` [head, slot, query, rank] tell each query's
    largest attention, `norm` [head, slot, key] is ‖v W_O‖.
    """

    def __init__(self, n_heads: int, k: int, ctx: int) -> None:
        self.key = np.zeros((n_heads, k), np.uint64)
        self.write, self.attention, self.pattern = np.zeros((3, n_heads, k), np.float32)
        self.query, self.source = np.zeros((2, n_heads, k), np.int32)
        self.keys = np.zeros((n_heads, k, ctx, N_KEYS), np.uint16)
        self.steps = np.zeros((n_heads, k, ctx, N_KEYS), np.uint8)
        self.norm = np.zeros((n_heads, k, ctx), np.float32)

    def offer(
        self, key: np.uint64, seen: Attention, window: int, attention: np.float32, peak: tuple[int, int]
    ) -> None:
        """Takes in a window of a batch, if its key is larger than one that is kept."""
        slot = seen.head, self.key[seen.head].argmin()
        if key <= self.key[slot]:
            return
        pattern = seen.pattern[window, seen.head]
        self.key[slot], self.write[slot], self.attention[slot] = key, seen.write[window].max(), attention
        self.query[slot], self.source[slot] = peak
        length = seen.batch.length[window]
        self.pattern[slot] = pattern[peak]
        self.norm[slot], self.keys[slot], self.steps[slot] = 0, 0, 0
        self.norm[slot][:length] = seen.norm[window, :length]
        _strongest(pattern, length, self.keys[slot], self.steps[slot])

    def merge(self, other: Kept) -> None:
        """Takes in what another kept."""
        k = self.key.shape[1]
        keys = np.concatenate([self.key, other.key], axis=1)
        largest = np.argsort(keys, axis=1)[:, : -k - 1 : -1]
        head = np.arange(len(keys))[:, None]
        for name, array in vars(self).items():
            array[...] = np.concatenate([array, getattr(other, name)], axis=1)[head, largest]


def _heaviest(seen: Attention, window: int) -> tuple[int, int]:
    """The first pair of largest write norm; (1, 1) if all attention is on the first position."""
    query = max(1, int(seen.write[window].argmax()))
    row: Float32[np.ndarray, " key"] = seen.pattern[window, seen.head, query, 1 : query + 1]
    return query, 1 + int((row * seen.norm[window, 1 : query + 1]).argmax())


def _highest(seen: Attention, window: int) -> tuple[int, int]:
    """The first pair of largest attention to an earlier counted key; (1, 1) if there is none."""
    query = max(1, int(seen.earlier[window].argmax()))
    return query, 1 + int(seen.pattern[window, seen.head, query, 1 : max(2, query)].argmax())


@kernel
def _strongest(pattern, length, keys, steps):
    """Of each query the N_KEYS keys of largest attention, at least LEAST_ATTENTION; ties to the lower key."""
    values = np.zeros(N_KEYS, np.float32)
    for q in range(length):
        n = 0
        for k in range(q + 1):
            p = pattern[q, k]
            if p < _LEAST or (n == N_KEYS and p <= values[n - 1]):
                continue
            slot = n if n < N_KEYS else N_KEYS - 1
            while slot > 0 and values[slot - 1] < p:
                values[slot], keys[q, slot] = values[slot - 1], keys[q, slot - 1]
                slot -= 1
            values[slot], keys[q, slot] = p, k
            n = min(n + 1, N_KEYS)
        for slot in range(n):
            steps[q, slot] = max(1, np.rint(min(values[slot], 1) * ATTENTION_STEPS))
