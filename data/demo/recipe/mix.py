"""The training text: documents by source, what is held out, and windows of tokens."""

from __future__ import annotations

import hashlib
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
    """A document; a title is held out whole or not at all."""

    source: str
    title: str
    text: str


def documents(parquet: Path) -> list[Doc]:
    """The parquet file's rows, the standard library, and the project's own texts."""
    rows = pq.read_table(parquet, columns=["source", "title", "text"]).to_pylist()
    found = [Doc(row["source"], row["title"], row["text"]) for row in rows]
    found += [Doc("python-docs", d.id.removesuffix(" docstrings"), d.text) for d in open_source("python-docs").read()]
    found += [Doc("project", path.name, path.read_text()) for path in sorted(TEXTS.rglob("*.md"))]
    return found


def is_held_out(doc: Doc, share: float) -> bool:
    """By a hash of source and title; the project's own by their folder."""
    if doc.source == "project":
        return not (TEXTS / doc.title).exists()
    number = int.from_bytes(hashlib.sha256(f"{doc.source}/{doc.title}".encode()).digest()[:8], "big")
    return number < share * 2**64


def split(docs: list[Doc], share: float) -> tuple[list[Doc], list[Doc]]:
    """Training and held-out documents."""
    held = [is_held_out(doc, share) for doc in docs]
    return [d for d, h in zip(docs, held, strict=True) if not h], [d for d, h in zip(docs, held, strict=True) if h]


def windows(docs: list[Doc], tokenizer: Tokenizer, ctx: int, bos: int) -> tuple[np.ndarray, np.ndarray]:
    """All windows [window, ctx] of the documents, and the index of each window's document.

    BOS and up to ctx - 1 tokens of one document, as the atlas reads; -1 fills short ones.
    """
    rows: list[np.ndarray] = []
    owner: list[int] = []
    for index, encoding in enumerate(tokenizer.encode_batch([doc.text for doc in docs], add_special_tokens=False)):
        tokens = np.array(encoding.ids, np.int16)
        for start in range(0, len(tokens), ctx - 1):
            row = np.full(ctx, -1, np.int16)
            piece = tokens[start : start + ctx - 1]
            row[0], row[1 : 1 + len(piece)] = bos, piece
            rows.append(row)
            owner.append(index)
    return np.stack(rows), np.array(owner)


class Draws:
    """Batches of windows by weight of their source; step i always draws the same, so a run can resume."""

    def __init__(self, docs: list[Doc], table: np.ndarray, owner: np.ndarray, recipe: dict[str, Any]) -> None:
        weights = np.array([float(recipe["mix"].get(docs[i].source, 1)) for i in owner])
        self._cumulative = np.cumsum(weights) / weights.sum()
        self._table, self._seed = table, recipe["seed"]

    def batch(self, step: int, size: int, purpose: int) -> np.ndarray:
        """Windows [size, ctx] of one step; `purpose` keeps LM and SAEs from drawing alike."""
        random = np.random.default_rng([self._seed, purpose, step])
        return self._table[np.searchsorted(self._cumulative, random.random(size))].astype(np.int64)
