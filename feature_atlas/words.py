"""Words as they are searched: one spelling for what differs in case, accent or form."""

from __future__ import annotations

import re
import unicodedata

from feature_atlas.contract import WORD_LENGTH

WORD = re.compile(r"[^\W_]+")  # letters and digits


def fold(text: str) -> str:
    """Lower case, without compatibility forms (NFKD) and without marks: Zürich is zurich."""
    if text.isascii():
        return text.lower()
    apart = unicodedata.normalize("NFKD", text)
    return "".join(c for c in apart if not unicodedata.category(c).startswith("M")).lower()


def words(text: str) -> list[str]:
    """Runs of letters and digits of the folded text, in order, each cut at WORD_LENGTH."""
    return [word[:WORD_LENGTH] for word in WORD.findall(fold(text))]


def forgiven(word: str) -> int:
    """How many slips of the pen are forgiven: none below 4 letters, 1 below 8, else 2."""
    return 0 if len(word) < 4 else 1 if len(word) < 8 else 2


def slips(a: str, b: str) -> int:
    """Letters to insert, delete, replace, or swap with the next, to make `b` of `a` (each touched once)."""
    before, last = [0] * (len(b) + 1), list(range(len(b) + 1))
    for i, x in enumerate(a, start=1):
        row = [i]
        for j, y in enumerate(b, start=1):
            least = min(last[j] + 1, row[j - 1] + 1, last[j - 1] + (x != y))
            if i > 1 and j > 1 and x == b[j - 2] and a[i - 2] == y:
                least = min(least, before[j - 2] + 1)
            row.append(least)
        before, last = last, row
    return last[-1]


def term_order(term: str) -> bytes:
    """What terms are sorted by: UTF-16 code units, as a browser compares them."""
    return term.encode("utf-16-be")
