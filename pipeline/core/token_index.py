"""From a token type to the units that fire on it most, promote it most and suppress it most."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np
from jaxtyping import Float, Float32, Integer, UInt32

from feature_atlas.contract import N_UNITS, SIDES
from pipeline.core.accumulate.kernel import kernel

Arrays = Mapping[str, np.ndarray]


@dataclass(frozen=True)
class Entries:
    """What units are to token types: the unit `unit[i]` to `type[i]`, by two measures; the first ranks."""

    type: Integer[np.ndarray, " entry"]
    unit: UInt32[np.ndarray, " entry"]
    values: Float32[np.ndarray, "entry measure"]


class TopUnits:
    """For each token type the N_UNITS units whose first measure is farthest from 0, ties to the lower unit.

    `unit` [type, rank] and `values` [type, rank, measure], strongest first; a first measure of 0 marks
    an empty slot. The outcome does not depend on the order in which entries come.
    """

    def __init__(self, n_types: int) -> None:
        self.unit = np.zeros((n_types, N_UNITS), np.uint32)
        self.values = np.zeros((n_types, N_UNITS, 2), np.float32)

    def add(self, entries: Entries) -> None:
        """Takes in entries; one whose first measure is 0 stays out, and none may come twice."""
        _insert(entries.type, entries.unit, entries.values, self.unit, self.values)


class UnitsByToken:
    """The strongest units of every token type on each side, of the dictionaries taken in so far.

    `count` are the occurrences of each type at counted positions.
    """

    def __init__(self, count: Integer[np.ndarray, " type"]) -> None:
        self.count = count
        self.sides = {side: TopUnits(len(count)) for side in SIDES}

    def add(self, scan: Arrays, described: Arrays, first: int) -> None:
        """Takes in what scan and describe left of one dictionary, whose first unit has the number `first`."""
        self.sides["fires"].add(fires(scan, self.count, first))
        if "promoted_value" in described:
            for side, sign in (("promoted", 1), ("suppressed", -1)):
                tokens, values = described[f"{side}_token"], described[f"{side}_value"]
                self.sides[side].add(effects(tokens, values, sign, scan["moments/highest"], first))

    def arrays(self) -> dict[str, np.ndarray]:
        """Every array of the contract's TOKENS."""
        tops = self.sides.values()
        return {
            "count": self.count,
            "units": np.stack([top.unit for top in tops], axis=1),
            "values": np.stack([top.values for top in tops], axis=1),
        }


def fires(scan: Arrays, count: Integer[np.ndarray, " type"], first: int) -> Entries:
    """The types in each unit's fires-on table: cosine, and P(the unit fires at the type).

    The cosine is that of "the token is the type" and "the unit fires" over all counted positions:
    firings on the type / sqrt(occurrences of the type x the unit's firings), Ochiai's coefficient.
    Rare types are not left out: they are looked up by name, and their count is told beside.
    """
    table = scan["fires_on/firings"]
    row, slot = np.nonzero(table)
    types = np.broadcast_to(scan["fires_on/type"], table.shape)[row, slot]
    shared, occurs = table[row, slot].astype(np.float64), count[types]
    cosine = shared / np.sqrt(occurs * scan["moments/firings"][row].astype(np.float64))
    return _entries(types, first + row, cosine, shared / occurs)


def effects(
    tokens: Integer[np.ndarray, "latent effect"],
    values: Float[np.ndarray, "latent effect"],
    sign: int,
    highest: Float[np.ndarray, " latent"],
    first: int,
) -> Entries:
    """The types whose logits each unit changes most: logit effect x its highest activation, and per unit.

    Effects per unit of activation can't be compared between dictionaries. Left out are effects against
    `sign`, and units that never fire.
    """
    row, slot = np.nonzero((sign * values > 0) & (highest > 0)[:, None])
    per_unit = values[row, slot].astype(np.float64)
    return _entries(tokens[row, slot], first + row, per_unit * highest[row], per_unit)


def _entries(types: np.ndarray, units: np.ndarray, ranked: np.ndarray, told: np.ndarray) -> Entries:
    values = np.stack([ranked, told], axis=1).astype(np.float32)
    return Entries(types.astype(np.int64), units.astype(np.uint32), values)


@kernel
def _insert(types, units, values, top_unit, top_values):
    for i in range(len(types)):
        unit, strength = units[i], abs(values[i, 0])
        kept, told = top_unit[types[i]], top_values[types[i]]
        slot = len(kept)
        while slot > 0 and _weaker(abs(told[slot - 1, 0]), kept[slot - 1], strength, unit):
            slot -= 1
            if slot + 1 < len(kept):
                kept[slot + 1], told[slot + 1] = kept[slot], told[slot]
        if slot < len(kept):
            kept[slot], told[slot] = unit, values[i]


@kernel
def _weaker(strength, unit, than, than_unit):
    return strength < than or (strength == than and unit > than_unit)
