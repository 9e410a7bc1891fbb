"""Finding latents by words, and token types by text. docs/decisions/0017-search.md says why so."""

from __future__ import annotations

import bisect
from collections.abc import Sequence
from dataclasses import asdict, dataclass
from typing import Any

from feature_atlas.contract import N_POSTINGS, NO_TYPE, SOURCES, WORD_CHUNK
from feature_atlas.store import Group
from feature_atlas.token import Fires, Units
from feature_atlas.words import fold, forgiven, slips, term_order, words

MOST_WORDS = 8  # of a query; the rest is passed over
MOST_TERMS = 8  # that a word of a query stands for
EXACT, BEGUN, SLIPPED = 1.0, 0.25, 0.125  # what a term counts: the word itself, begun by it, a slip away
MOST_HITS = 64
MOST_TYPES = 32
MOST_TOKENS = 8  # of a phrase
_LAST = "\uffff"  # after every letter


@dataclass(frozen=True)
class Hit:
    """A latent that has all words of a query: its score, the terms they met, its labels, its top token."""

    address: str
    score: float
    terms: list[str]
    label: str
    top_token: str | None


@dataclass(frozen=True)
class Match:
    """A token type that fits a text: "exact", "spaces" or "case" (but for these), "contains", "near"."""

    token_id: int
    token: str
    how: str


@dataclass(frozen=True)
class Phrase:
    """A text as token types, by greedy longest match, and the units that fire on all: lowest cosine and P."""

    tokens: list[str]
    fires: list[Fires]


@dataclass(frozen=True)
class Found:
    """What a text finds: token types, latents by label and by the text they peak on; and it as a phrase."""

    query: str
    tokens: list[Match]
    phrase: Phrase | None
    labels: list[Hit]
    texts: list[Hit]

    def to_json(self) -> dict[str, Any]:
        """All of it, as `atlas search --json` prints it."""
        return asdict(self)


@dataclass(frozen=True)
class Term:
    """A word of the index that a word of a query may stand for."""

    text: str
    factor: float
    first: int
    counts: tuple[int, ...]


class SearchIndex:
    """The open group of the contract's SEARCH."""

    def __init__(self, place: str) -> None:
        self._group = Group(place)
        attributes = self._group.attributes
        self._units = Units(attributes["dictionaries"], attributes["first_units"])
        self._first_terms = [term_order(term) for term in attributes["first_terms"]]

    def hits(self, query: str, source: str, vocabulary: Sequence[str]) -> list[Hit]:
        """The MOST_HITS best latents that have every word of the query from that source; ties to the lower.

        A score is the sum over the words of the largest factor x weight of a term that the word stands for.
        """
        side = SOURCES.index(source)
        asked = [self._scores(word, side) for word in list(dict.fromkeys(words(query)))[:MOST_WORDS]]
        if not asked:
            return []
        units = [unit for unit in asked[0] if all(unit in scores for scores in asked)]
        totals = {unit: sum(scores[unit][0] for scores in asked) for unit in units}
        return [
            self._hit(unit, totals[unit], [scores[unit] for scores in asked], vocabulary)
            for unit in sorted(units, key=lambda unit: (-totals[unit], unit))[:MOST_HITS]
        ]

    def terms(self, word: str) -> list[Term]:
        """What a word of a query stands for: itself and, if it has three letters, the commonest words that it
        begins; without any, words of the same first letter within the slips that are forgiven, nearest first.
        """
        begun = self._range(word, exact=len(word) < 3)
        if begun:
            ranked = sorted(begun, key=lambda term: (term.text != word, -sum(term.counts)))
            return [
                Term(t.text, EXACT if t.text == word else BEGUN, t.first, t.counts)
                for t in ranked[:MOST_TERMS]
            ]
        if not forgiven(word):
            return []
        near = [(slips(word, term.text), term) for term in self._range(word[0], exact=False)]
        near = [(n, term) for n, term in near if n <= forgiven(word)]
        ranked = sorted(near, key=lambda pair: (pair[0], -sum(pair[1].counts)))
        return [Term(t.text, SLIPPED / n, t.first, t.counts) for n, t in ranked[:MOST_TERMS]]

    def _range(self, prefix: str, exact: bool) -> list[Term]:
        """Terms that begin with the prefix, or only that which equals it, in their order."""
        low, high = term_order(prefix), term_order(prefix if exact else prefix + _LAST)
        first = max(0, bisect.bisect_right(self._first_terms, low) - 1) * WORD_CHUNK
        rows = slice(first, bisect.bisect_right(self._first_terms, high) * WORD_CHUNK)
        pairs = zip(
            self._group.read("terms/text", rows), self._group.read("terms/place", rows).tolist(), strict=True
        )
        return [
            Term(str(text), EXACT, place[0], tuple(place[1:]))
            for text, place in pairs
            if low <= term_order(str(text)) <= high
        ]

    def _scores(self, word: str, side: int) -> dict[int, tuple[float, str, int]]:
        """Of each unit the largest factor x weight, the term that gives it, and the unit's top token."""
        best: dict[int, tuple[float, str, int]] = {}
        for term in self.terms(word):
            kept = [min(count, N_POSTINGS) for count in term.counts]
            start = term.first + sum(kept[:side])
            for unit, weight, top in self._rows(start, start + kept[side]):
                if unit not in best or term.factor * weight > best[unit][0]:
                    best[unit] = term.factor * weight, term.text, top
        return best

    def _rows(self, start: int, stop: int) -> list[list[int]]:
        return self._group.read("postings", slice(start, stop)).tolist() if stop > start else []

    def _hit(
        self, unit: int, total: float, met: list[tuple[float, str, int]], vocabulary: Sequence[str]
    ) -> Hit:
        top = met[0][2]
        return Hit(
            address=self._units.address(unit),
            score=total,
            terms=[term for _, term, _ in met],
            label=str(self._group.read("said", unit)),
            top_token=None if top == NO_TYPE else vocabulary[top],
        )


def matching_types(query: str, vocabulary: Sequence[str]) -> list[Match]:
    """Token types that fit a text, at most MOST_TYPES: the exact one, those that differ in outer spaces, then
    in case or accents, then those that contain it, the shortest first; without any of the first three, those
    within the slips that are forgiven."""
    folded = [fold(text) for text in vocabulary]
    wanted = fold(query)
    bare, most = wanted.strip(), forgiven(wanted.strip())
    found: list[tuple[tuple[int, int, int], Match]] = []

    def add(rank: int, by: int, type_: int, how: str) -> None:
        found.append(((rank, by, type_), Match(type_, vocabulary[type_], how)))

    for type_, text in enumerate(vocabulary):
        if text == query:
            add(0, 0, type_, "exact")
        elif bare and text.strip() == query.strip():
            add(1, 0, type_, "spaces")
        elif bare and folded[type_].strip() == bare:
            add(2, 0, type_, "case")
        elif bare and bare in folded[type_]:
            add(3, len(text), type_, "contains")
    if most and not any(rank < 3 for (rank, _, _), _ in found):
        for type_, text in enumerate(folded):
            other = text.strip()
            if abs(len(other) - len(bare)) <= most and bare not in text:
                away = slips(bare, other)
                if away <= most:
                    add(4, away, type_, "near")
    return [match for _, match in sorted(found, key=lambda pair: pair[0])[:MOST_TYPES]]


def greedy_types(text: str, vocabulary: Sequence[str]) -> list[int] | None:
    """The text as token types, each the longest that fits; None if somewhere none does.

    A model's own tokenizer may cut it elsewhere. A phrase is taken as it stands inside a text: after a
    space, unless it begins with white space.
    """
    number = {other: type_ for type_, other in reversed(list(enumerate(vocabulary))) if other}
    longest = max(map(len, number), default=0)
    rest = text if text[:1].isspace() else f" {text}"
    types: list[int] = []
    while rest:
        fitting = (length for length in range(min(longest, len(rest)), 0, -1) if rest[:length] in number)
        length = next(fitting, 0)
        if not length:
            return None
        types.append(number[rest[:length]])
        rest = rest[length:]
    return types


def fires_on_all(tables: Sequence[Sequence[Fires]]) -> list[Fires]:
    """The units in all of the tables, by lowest cosine; ties as in the first table."""
    by_unit = [{row.address: row for row in table} for table in tables]
    common = [row.address for row in tables[0] if all(row.address in rows for rows in by_unit)]
    lowest = [
        Fires(
            address,
            min(rows[address].cosine for rows in by_unit),
            min(rows[address].p_fire_given_token for rows in by_unit),
        )
        for address in common
    ]
    return sorted(lowest, key=lambda row: -row.cosine)
