"""Token strips for pages without a script: text with one of eight steps of heat."""

from __future__ import annotations

import re
import unicodedata
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

from feature_atlas.contract import NO_TOKEN

STEPS = 7
_GLYPHS = {"\n": "⏎", "\r": "␍", "\t": "⇥"}
_INVISIBLE = {"Cc", "Cf", "Zl", "Zp"}


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
    cells = [Cell(_in_line(vocabulary[token]), -(-heat * STEPS // 255)) for token, heat in pairs]
    peak = max(range(len(pairs)), key=lambda i: pairs[i][1], default=0)
    return Strip(cells[:peak], cells[peak:])


def alone(text: str) -> str:
    """A token by itself, where its spaces must show."""
    return re.sub(" +", lambda run: _spaces(len(run[0])), _visible(text))


def _spaces(n: int) -> str:
    return "␣" * n if n < 4 else f"␣×{n}"


def _in_line(text: str) -> str:
    """A token in an excerpt of one line: a newline takes its indentation with it."""
    return "␣" if text and not text.strip(" ") else _visible(re.sub("\n *", "\n", text))


def _visible(text: str) -> str:
    """Invisible characters as glyphs, or by code point: none may turn the writing direction."""
    return "".join(_GLYPHS.get(character) or _named(character) for character in text) or "∅"


def _named(character: str) -> str:
    invisible = unicodedata.category(character) in _INVISIBLE
    return f"⟨u+{ord(character):04x}⟩" if invisible else character
