"""The search index of an atlas: the words that units say in their labels and peak on in the corpus."""

from __future__ import annotations

import bisect
from collections import Counter, defaultdict
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any

import numpy as np

from feature_atlas.contract import (
    LABELS,
    N_WORDS,
    NEAR_TOKENS,
    NEAR_WORDS,
    NO_TYPE,
    SAID,
    SEARCH,
    SHARD,
    SOURCES,
    WORD_CHUNK,
    WORD_LENGTH,
)
from feature_atlas.labels import read_row
from feature_atlas.postings import Entries, Postings, read_postings, search_arrays
from feature_atlas.store import Group, create_group
from feature_atlas.words import WORD, fold, words

SEARCH_INDEX = "search.zarr"

Stores = Sequence[tuple[str, str]]  # of each dictionary its id, and its group below the run
_OF_UNITS = ("stats/firings", "stats/top_token", *(spec.path for spec in LABELS))
_OF_TEXT = ("examples/tokens", "card/floats", "card/ints")


def is_indexed(name: str, text: bool = True) -> bool:
    """Whether the index is made of a file of a run; without `text`, if there is an index of that before."""
    arrays = (*_OF_UNITS, *_OF_TEXT) if text else _OF_UNITS
    if name.endswith(".zarr/zarr.json") or any(f".zarr/{array}/" in name for array in arrays):
        return True
    return text and name.startswith("vocabulary.zarr/")


def write_search(into: Path, run: Path, stores: Stores, before: Path | None = None) -> None:
    """Writes the index of the dictionaries of a run, whose groups and vocabulary are there.

    What their text says is taken from `before`, an index of the same units, if that is given.
    """
    groups = [Group(str(run / store)) for _, store in stores]
    top = np.concatenate([np.zeros(0, np.uint32), *map(_top_tokens, groups)])
    said = [text for group in groups for text in _said(group)]
    labels = Entries()
    for unit, text in enumerate(said):
        labels.add(unit, label_words(text))
    text = text_postings(run, groups, top) if before is None else _read(before, "text")
    arrays = search_arrays([labels.postings(top), text]) | {"said": np.array(said, dtype=object)}
    first = np.cumsum([0, *(group.array("stats/firings").shape[0] for group in groups)]).tolist()
    attributes: dict[str, Any] = {
        "dictionaries": [name for name, _ in stores],
        "first_units": first[:-1],
        "sizes": {"term": len(arrays["terms/text"]), "posting": len(arrays["postings"]), "unit": first[-1]},
        "first_terms": arrays["terms/text"][::WORD_CHUNK].tolist(),
    }
    create_group(into, SEARCH, arrays, attributes)


def text_postings(run: Path, groups: Sequence[Group], top: np.ndarray) -> Postings:
    """What the top examples of all units say."""
    vocabulary = Group(str(run / "vocabulary.zarr"))
    pairs = zip(vocabulary.read("text"), vocabulary.read("kind"), strict=True)
    folded = [" " if kind else fold(str(text)) for text, kind in pairs]
    entries, unit = Entries(), 0
    for group in groups:
        for tokens, peaks, lengths, acts in _top_examples(group):
            entries.add(unit, text_words(folded, tokens, peaks, lengths, acts))
            unit += 1
    return entries.postings(top)


def label_words(text: str) -> dict[str, float]:
    """The words of a label, each with its share of them."""
    found = words(text)
    return {word: count / len(found) for word, count in Counter(found).items()}


def text_words(
    folded: Sequence[str], tokens: list[list[int]], peaks: list[int], lengths: list[int], acts: list[float]
) -> dict[str, float]:
    """The N_WORDS words that a unit's top examples hold most of at and near their peaks, ties by alphabet.

    An example gives a word activation / highest activation / (1 + d), d being the distance in words of its
    nearest occurrence, up to NEAR_WORDS; a word's share is the sum over the examples / the number of their
    slots. `folded` is the text of each token type, of which no word spans one that is no text.
    """
    shares: defaultdict[str, float] = defaultdict(float)
    for row, peak, length, act in zip(tokens, peaks, lengths, acts, strict=True):
        if length and act > 0:
            for word, distance in near_words(folded, row[:length], peak).items():
                shares[word] += act / acts[0] / (1 + distance) / len(acts)
    strongest = sorted(shares.items(), key=lambda item: (-item[1], item[0]))
    return dict(strongest[:N_WORDS])


def near_words(folded: Sequence[str], row: list[int], peak: int) -> dict[str, int]:
    """Words of an excerpt around its peak, each with its distance: 0 of those that the peak is part of."""
    pieces = [folded[t] for t in row[max(0, peak - NEAR_TOKENS) : peak + 1 + NEAR_TOKENS]]
    at = min(peak, NEAR_TOKENS)
    start = len("".join(pieces[:at]))
    end = start + len(pieces[at])
    spans = list(WORD.finditer("".join(pieces)))
    left = bisect.bisect_right([span.end() for span in spans], start)
    right = bisect.bisect_left([span.start() for span in spans], end)
    nearest: dict[str, int] = {}
    for i in range(max(0, left - NEAR_WORDS), min(len(spans), right + NEAR_WORDS)):
        distance = left - i if i < left else max(0, i - right + 1)
        word = spans[i][0][:WORD_LENGTH]
        nearest[word] = min(distance, nearest.get(word, distance))
    return nearest


def _top_examples(group: Group) -> Iterator[tuple[list[list[int]], list[int], list[int], list[float]]]:
    """Of each unit the tokens, peaks, lengths and activations of its top examples."""
    attributes = group.attributes
    rows = slice(*attributes["sections"]["top"])
    fields, n = attributes["fields"], attributes["sizes"]["latent"]
    for number in range(-(-n // SHARD)):
        tokens, floats, ints = (
            group.shard(path, number) for path in ("examples/tokens", "card/floats", "card/ints")
        )
        peaks, lengths, acts = (
            card[:, slice(*fields[kind][name])][:, rows].tolist()
            for card, kind, name in (
                (ints, "ints", "example_peak"),
                (ints, "ints", "example_length"),
                (floats, "floats", "example_activation"),
            )
        )
        yield from zip(tokens[:, rows].tolist(), peaks, lengths, acts, strict=True)


def _top_tokens(group: Group) -> np.ndarray:
    return np.where(group.read("stats/firings") > 0, group.read("stats/top_token"), NO_TYPE).astype(np.uint32)


def _said(group: Group) -> list[str]:
    """Of each unit the texts of its labels, as they are indexed."""
    attribute = group.attributes.get("labels", {})
    if "most" in attribute:
        return [" · ".join(label.text for label in read_row(row))[:SAID] for row in group.read("labels")]
    if attribute:
        return [str(text)[:SAID] for text in group.read("label")]
    return [""] * group.array("stats/firings").shape[0]


def _read(index: Path, source: str) -> Postings:
    group = Group(str(index))
    paths = ("terms/text", "terms/place", "postings")
    return read_postings({path: group.read(path) for path in paths}, SOURCES.index(source))
