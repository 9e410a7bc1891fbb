"""Token text as it is drawn: nothing invisible stays invisible, nothing turns the writing direction."""

from __future__ import annotations

import re
import unicodedata

_GLYPHS = {"\n": "⏎", "\r": "␍", "\t": "⇥"}
_INVISIBLE = {"Cc", "Cf", "Zl", "Zp"}


def alone(text: str) -> str:
    """A token by itself, where its spaces must show."""
    return re.sub(" +", lambda run: _spaces(len(run[0])), _visible(text))


def in_line(text: str) -> str:
    """A token in an excerpt of one line: a newline takes its indentation with it."""
    return "␣" if text and not text.strip(" ") else _visible(re.sub("\n *", "\n", text))


def _spaces(n: int) -> str:
    return "␣" * n if n < 4 else f"␣×{n}"


def _visible(text: str) -> str:
    """Invisible characters as glyphs, or by code point: none may turn the writing direction."""
    return "".join(_GLYPHS.get(character) or _named(character) for character in text) or "∅"


def _named(character: str) -> str:
    invisible = unicodedata.category(character) in _INVISIBLE
    return f"⟨u+{ord(character):04x}⟩" if invisible else character
