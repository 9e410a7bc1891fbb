"""Which token types a latent fires on most: a bounded table of its own for each latent."""

from __future__ import annotations

import numpy as np

from pipeline.core.accumulate.block import Block
from pipeline.core.accumulate.kernel import kernel

SLOTS = 256  # of the table of one latent, a power of 2
FULL, KEPT = 192, 96  # with so many types in it, all but the heaviest leave it
# One slot is one cache line's part: an update is one miss, with an array for each it would be three.
SLOT = np.dtype([("key", "u4"), ("firings", "u4"), ("late", "u4"), ("mass", "f4")])


class HeavyTypes:
    """Per latent the token types that it fires on most, counted since they entered its table.

    With n firings counted since it entered, a type has at least n and at most n + `late` firings;
    one that is not in the table has at most `missed`. While a latent has fired on no more than FULL
    types both are 0. `mass` is the sum of activation over the firings counted. `key` is the type + 1,
    0 marks a free slot. (Lossy counting, Manku and Motwani 2002, by size instead of by time.)
    """

    def __init__(self, n_latents: int) -> None:
        self.table = np.zeros((n_latents, SLOTS), SLOT)
        self.used = np.zeros(n_latents, np.uint16)
        self.missed = np.zeros(n_latents, np.uint32)

    def add(self, block: Block) -> None:
        """Takes in one block."""
        rows = block.rows
        kept = self.table[rows], self.used[rows], self.missed[rows]
        _add(block.edge, block.column, block.value, block.batch.type, *kept)

    def merge(self, later: HeavyTypes) -> None:
        """Takes in what another gathered of later windows; the bounds add up."""
        _merge(self.table, self.used, self.missed, later.table, later.missed)

    def listed(self) -> dict[str, np.ndarray]:
        """The table as arrays: `type`, its `firings`, their `mass` = `total`; `missed` of each latent.

        No type has more than `missed` firings beyond those told here. Free slots have no firings.
        """
        table = np.take_along_axis(self.table, np.argsort(self.table["key"], axis=1), axis=1)
        type_, mass = np.maximum(table["key"].astype(np.int64) - 1, 0), table["mass"]
        return {
            "type": type_,
            "firings": table["firings"],
            "mass": mass,
            "total": mass,
            "missed": self.missed,
        }

    def state(self) -> dict[str, np.ndarray]:
        """The arrays to save and restore."""
        return {"table": self.table, "used": self.used, "missed": self.missed}


@kernel
def _add(edge, columns, values, types, table, used, missed):
    for latent in range(len(edge) - 1):
        for i in range(edge[latent], edge[latent + 1]):
            slot = _place(types[columns[i]] + 1, latent, table, used, missed)
            table[latent, slot].firings += 1
            table[latent, slot].mass += values[i]


@kernel
def _place(key, latent, table, used, missed):
    """The slot of a key, which enters the table if it is not there."""
    slot = _slot(key, table[latent])
    if table[latent, slot].key == 0:
        if used[latent] == FULL:
            missed[latent] = _drop(table[latent])
            used[latent] = np.count_nonzero(table[latent].key)
            slot = _slot(key, table[latent])
        table[latent, slot].key = key
        table[latent, slot].late = missed[latent]
        used[latent] += 1
    return slot


@kernel
def _slot(key, row):
    """Where a key is, or else may enter: the first free slot from its hash on."""
    slot = (np.uint32(key) * np.uint32(0x9E3779B1) >> 24) & (SLOTS - 1)
    while row[slot].key != 0 and row[slot].key != key:
        slot = (slot + 1) & (SLOTS - 1)
    return slot


@kernel
def _drop(row):
    """Keeps the types that may have most firings, at most KEPT; returns how many the others may have."""
    most = row.firings + row.late
    bound = np.partition(most, SLOTS - KEPT - 1)[SLOTS - KEPT - 1]
    before = row.copy()
    for i in range(SLOTS):
        row[i].key = row[i].firings = row[i].late = 0
        row[i].mass = 0
    for i in range(SLOTS):
        if most[i] > bound:
            row[_slot(before[i].key, row)] = before[i]
    return bound


@kernel
def _merge(table, used, missed, other, other_missed):
    for latent in range(len(table)):
        for i in range(SLOTS):
            if table[latent, i].key != 0:
                table[latent, i].late += other_missed[latent]
        missed[latent] += other_missed[latent]
        for i in range(SLOTS):
            theirs = other[latent, i]
            if theirs.key != 0:
                slot = _place(theirs.key, latent, table, used, missed)
                table[latent, slot].late += theirs.late - other_missed[latent]
                table[latent, slot].firings += theirs.firings
                table[latent, slot].mass += theirs.mass
