"""A token type, and the units that fire on it, promote it and suppress it."""

from __future__ import annotations

import bisect
import difflib
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from feature_atlas.address import Address
from feature_atlas.errors import AddressError
from feature_atlas.store import Group

_NEAR = 5


@dataclass(frozen=True)
class Fires:
    """A unit that fires on the token: cosine of "the token is this one" and "the unit fires"; P(it fires)."""

    address: str
    cosine: float
    p_fire_given_token: float


@dataclass(frozen=True)
class Effect:
    """A unit that changes the token's logit: by how much at its highest activation, and per unit of it."""

    address: str
    value_at_max: float
    value: float


@dataclass(frozen=True)
class Token:
    """A token type: its number, text, occurrences at counted positions, and units, strongest first."""

    id: int
    text: str
    count: int
    fires: list[Fires]
    promoted: list[Effect]
    suppressed: list[Effect]

    def to_json(self) -> dict[str, Any]:
        """Everything about the token, as `atlas token --json` prints it."""
        return {
            "token": self.text,
            "token_id": self.id,
            "count": self.count,
            "fires": [vars(unit) for unit in self.fires],
            "promoted": [vars(unit) for unit in self.promoted],
            "suppressed": [vars(unit) for unit in self.suppressed],
        }


class Units:
    """Units numbered through all dictionaries, in the order and from the first numbers of an index."""

    def __init__(self, dictionaries: list[str], first_units: list[int]) -> None:
        self._dictionaries = dictionaries
        self._first_units = first_units

    def address(self, unit: int) -> str:
        """The address of a unit."""
        number = bisect.bisect_right(self._first_units, unit) - 1
        return str(Address(self._dictionaries[number], unit - self._first_units[number]))


class TokenIndex:
    """The open group of the contract's TOKENS."""

    def __init__(self, place: str) -> None:
        self._group = Group(place)
        self._units = Units(self._group.attributes["dictionaries"], self._group.attributes["first_units"])

    def read(self, type_: int, text: str) -> Token:
        """What is told of one token type; reads a chunk of each array."""
        units, values = self._group.read("units", type_), self._group.read("values", type_)
        fires, promoted, suppressed = (
            [(self._units.address(u), *map(float, pair)) for u, pair in zip(*side, strict=True) if pair[0]]
            for side in zip(units.tolist(), values, strict=True)
        )
        return Token(
            id=type_,
            text=text,
            count=int(self._group.read("count", type_)),
            fires=[Fires(*unit) for unit in fires],
            promoted=[Effect(*unit) for unit in promoted],
            suppressed=[Effect(*unit) for unit in suppressed],
        )


def find_type(text: str, vocabulary: Sequence[str], where: str) -> int:
    """The lowest token type of that text; AddressError, with those spelled much like it, if there is none."""
    if text in vocabulary:
        return vocabulary.index(text)
    near = ", ".join(map(repr, _near(text, vocabulary)))
    remedy = f"near it: {near}" if near else "write it with its leading space, or give its number"
    raise AddressError(f"no token type {text!r} in {where}; {remedy}")


def _near(text: str, vocabulary: Sequence[str]) -> list[str]:
    """Texts most alike when case and outer spaces are passed over."""
    folded: dict[str, list[str]] = {}
    for other in vocabulary:
        folded.setdefault(other.strip().lower(), []).append(other)
    close = difflib.get_close_matches(text.strip().lower(), folded, _NEAR)
    return [other for key in close for other in folded[key]][:_NEAR]
