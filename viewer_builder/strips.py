"""Token strips for pages without a script: text with one of eight steps of heat."""

from __future__ import annotations

import re
from dataclasses import dataclass
from typing import Any

import numpy as np

from feature_atlas.contract import NO_TOKEN

STEPS = 7
_SPACES = re.compile(" {2,}")
_VISIBLE = {"\n": "⏎", "\r": "␍", "\t": "⇥"}
_CONTROL = re.compile("[\x00-\x1f\x7f-\x9f\xad\u200b-\u200f\u2028-\u202e\u2060-\u206f\ufeff]")


@dataclass(frozen=True)
class Cell:
    """A token as drawn, and its heat in 0..STEPS."""

    text: str
    level: int


def cells(preview: np.ndarray[Any, Any], vocabulary: list[str]) -> list[Cell]:
    """One snippet of a preview, [channel, offset], as cells."""
    tokens: list[int] = preview[0].tolist()
    heats: list[int] = preview[1].tolist()
    pairs = [(token, heat) for token, heat in zip(tokens, heats, strict=True) if heat != NO_TOKEN]
    return [Cell(_narrow(glyphs(vocabulary[token])), -(-heat * STEPS // 255)) for token, heat in pairs]


def glyphs(text: str) -> str:
    """Invisible characters as glyphs, or by code point: none may turn the writing direction."""
    drawn = "".join(_VISIBLE.get(character, character) for character in text)
    return _CONTROL.sub(lambda match: f"⟨u+{ord(match[0]):04x}⟩", drawn) or "∅"


def _narrow(text: str) -> str:
    """Runs of spaces as one: indentation would push the peak out of a narrow strip."""
    return _SPACES.sub(" ", text)
