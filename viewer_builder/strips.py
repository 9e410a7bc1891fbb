"""Token strips for pages without a script: text with one of eight steps of heat."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

from feature_atlas.contract import NO_TOKEN
from feature_atlas.glyphs import alone, in_line

__all__ = ["STEPS", "Cell", "Strip", "alone", "strip"]

STEPS = 7


@dataclass(frozen=True)
class Cell:
    """A token as drawn, and its heat in 0..STEPS."""

    text: str
    level: int

    @property
    def faint(self) -> bool:
        """Whether it only stands for something invisible."""
        return not self.text.strip("⏎␍⇥␣∅")


@dataclass(frozen=True)
class Strip:
    """An excerpt of one line, cut at its hottest token: `after` begins with it."""

    before: Sequence[Cell]
    after: Sequence[Cell]


def strip(snippet: np.ndarray[Any, Any], vocabulary: list[str]) -> Strip:
    """One snippet of a preview, [channel, offset], as a strip."""
    tokens: list[int] = snippet[0].tolist()
    heats: list[int] = snippet[1].tolist()
    pairs = [(token, heat) for token, heat in zip(tokens, heats, strict=True) if heat != NO_TOKEN]
    cells = [Cell(in_line(vocabulary[token]), -(-heat * STEPS // 255)) for token, heat in pairs]
    peak = max(range(len(pairs)), key=lambda i: pairs[i][1], default=0)
    return Strip(cells[:peak], cells[peak:])
