"""The training text: documents by source, what is held out, and windows of tokens."""

from __future__ import annotations

import hashlib
from collections import Counter, defaultdict
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow.parquet as pq
from tokenizers import Tokenizer

from pipeline.core.corpus import open_source

TEXTS = Path(__file__).parents[1] / "texts"


@dataclass(frozen=True)
class Doc:
    """A document. A piece's title begins with its work's: `Kidnapped / Chapter VIII`."""

    source: str
    title: str
    text: str

    @property
    def work(self) -> str:
        """The title without the piece's."""
        return self.title.split(" / ")[0]


def documents(parquet: Path) -> list[Doc]:
    """The parquet file's rows, the standard library, and the project's own texts."""
    rows = pq.read_table(parquet, columns=["source", "title", "text"]).to_pylist()
    found = [Doc(row["source"], row["title"], row["text"]) for row in rows]
    library = open_source("python-docs").read()
    found += [Doc("python-docs", d.id.removesuffix(" docstrings"), d.text) for d in library]
    found += [
        Doc("project", path.relative_to(TEXTS).as_posix(), path.read_text())
        for path in sorted(TEXTS.rglob("*.md"))
    ]
    return found


def split(docs: list[Doc], share: float, by: str = "title") -> tuple[list[Doc], list[Doc]]:
    """Training and held-out documents.

    The project's own are held out by their folder. Of the others `by` "title" holds out titles
    whose hash is below `share`; "work" holds out whole works, in the order of their hashes, as
    long as they are no more than `share` of their source's characters.
    """
    if by not in ("title", "work"):
        raise ValueError(f"held_out_by is {by!r}, not 'title' or 'work'")
    works = _works_held_out(docs, share) if by == "work" else set()
    train: list[Doc] = []
    held: list[Doc] = []
    for doc in docs:
        if doc.source == "project":
            out = doc.title.startswith("held_out/")
        elif by == "work":
            out = (doc.source, doc.work) in works
        else:
            out = _hash(doc.source, doc.title) < share
        (held if out else train).append(doc)
    return train, held


def _works_held_out(docs: list[Doc], share: float) -> set[tuple[str, str]]:
    sizes: Counter[tuple[str, str]] = Counter()
    for doc in docs:
        sizes[doc.source, doc.work] += len(doc.text)
    room: defaultdict[str, float] = defaultdict(float)
    for (source, _), size in sizes.items():
        room[source] += share * size
    chosen: set[tuple[str, str]] = set()
    for work in sorted(sizes, key=lambda work: _hash(*work)):
        if sizes[work] <= room[work[0]]:
            room[work[0]] -= sizes[work]
            chosen.add(work)
    return chosen


def _hash(source: str, title: str) -> float:
    """A number in [0, 1) that depends on nothing else: a split outlives changes of the data."""
    digest = hashlib.sha256(f"{source}/{title}".encode()).digest()
    return int.from_bytes(digest[:8], "big") / 2**64


def windows(docs: list[Doc], tokenizer: Tokenizer, ctx: int, bos: int) -> tuple[np.ndarray, np.ndarray]:
    """All windows [window, ctx] of the documents, and the index of each window's document.

    BOS and up to ctx - 1 tokens of one document, as the atlas reads; -1 fills short ones.
    """
    rows: list[np.ndarray] = []
    owner: list[int] = []
    encodings = tokenizer.encode_batch([doc.text for doc in docs], add_special_tokens=False)
    for index, encoding in enumerate(encodings):
        tokens = np.array(encoding.ids, np.int16)
        for start in range(0, len(tokens), ctx - 1):
            row = np.full(ctx, -1, np.int16)
            piece = tokens[start : start + ctx - 1]
            row[0], row[1 : 1 + len(piece)] = bos, piece
            rows.append(row)
            owner.append(index)
    return np.stack(rows), np.array(owner)


class Draws:
    """Batches of windows by weight of their source; step i draws the same whenever it is run."""

    def __init__(self, docs: list[Doc], table: np.ndarray, owner: np.ndarray, recipe: dict[str, Any]) -> None:
        self._sources = np.array([docs[i].source for i in owner])
        self._owner, self._mix = owner, recipe["mix"]
        weights = np.array([float(self._mix.get(source, 1)) for source in self._sources])
        self._cumulative = np.cumsum(weights) / weights.sum()
        self._table, self._seed = table, recipe["seed"]

    def batch(self, step: int, size: int, purpose: int) -> np.ndarray:
        """Windows [size, ctx] of one step; `purpose` keeps LM and SAEs from drawing alike."""
        random = np.random.default_rng([self._seed, purpose, step])
        return self._table[np.searchsorted(self._cumulative, random.random(size))].astype(np.int64)

    def shares(self) -> dict[str, dict[str, float]]:
        """Each source's documents, tokens, weight, and share of the windows drawn."""
        tokens = (self._table[:, 1:] >= 0).sum(axis=1)
        drawn = np.diff(self._cumulative, prepend=0.0)
        found: dict[str, dict[str, float]] = {}
        for source in sorted(set(self._sources.tolist())):
            rows = self._sources == source
            found[source] = {
                "documents": len(np.unique(self._owner[rows])),
                "tokens": int(tokens[rows].sum()),
                "weight": self._mix.get(source, 1),
                "share": float(drawn[rows].sum()),
            }
        return found
