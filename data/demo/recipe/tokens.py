"""The text as windows of tokens, kept on disk: a resumed run must draw what the first one drew."""

from __future__ import annotations

import os
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from jaxtyping import Int
from mix import Doc
from tokenizers import Tokenizer

BOS = 0
SHORTEST_PERIOD = 8  # of a window that repeats itself, tokens


@dataclass(frozen=True)
class Tokens:
    """Windows: BOS and up to ctx - 1 tokens of one document, as the atlas reads; -1 fills the rest.

    `owner` is each window's document; `source` and `n_bytes` are the documents'.
    """

    windows: Int[np.ndarray, "window ctx"]
    owner: Int[np.ndarray, " window"]
    source: np.ndarray
    n_bytes: Int[np.ndarray, " document"]

    @classmethod
    def of(cls, docs: list[Doc], tokenizer: Tokenizer, ctx: int) -> Tokens:
        """Cuts documents one after another."""
        rows: list[np.ndarray] = []
        owner: list[int] = []
        encodings = tokenizer.encode_batch([doc.text for doc in docs], add_special_tokens=False)
        for index, encoding in enumerate(encodings):
            for start in range(0, len(encoding.ids), ctx - 1):
                piece = encoding.ids[start : start + ctx - 1]
                row = np.full(ctx, -1, np.int16)
                row[0], row[1 : 1 + len(piece)] = BOS, piece
                rows.append(row)
                owner.append(index)
        source = np.array([doc.source for doc in docs])
        n_bytes = np.array([len(doc.text.encode()) for doc in docs])
        return cls(np.stack(rows), np.array(owner), source, n_bytes)

    @classmethod
    def load(cls, path: Path) -> Tokens:
        """Reads what `save` wrote."""
        with np.load(path) as arrays:
            return cls(**arrays)

    def save(self, path: Path) -> None:
        """Replaces the file whole."""
        partial = path.with_suffix(".partial.npz")
        np.savez_compressed(
            partial,
            windows=self.windows,
            owner=self.owner,
            source=self.source,
            n_bytes=self.n_bytes,
        )
        os.replace(partial, path)

    @property
    def n_tokens(self) -> int:
        """Tokens other than BOS."""
        return int((self.windows[:, 1:] >= 0).sum())

    def of_source(self, name: str) -> Tokens:
        """The part that comes from one source."""
        kept = np.flatnonzero(self.source == name)
        rows = np.isin(self.owner, kept)
        owner = np.searchsorted(kept, self.owner[rows])
        return Tokens(self.windows[rows], owner, self.source[kept], self.n_bytes[kept])

    def by_source(self) -> dict[str, Tokens]:
        """Every source's part, by name."""
        return {name: self.of_source(name) for name in np.unique(self.source).tolist()}


class Draws:
    """Batches of windows by weight of their source; step i draws the same whenever it is run."""

    def __init__(self, tokens: Tokens, mix: dict[str, float], seed: int) -> None:
        per_document = np.array([float(mix.get(name, 1)) for name in tokens.source.tolist()])
        weights = per_document[tokens.owner]
        self._cumulative = np.cumsum(weights) / weights.sum()
        self._tokens, self._mix, self._seed = tokens, mix, seed

    def batch(
        self, step: int, size: int, purpose: int, repeats: float = 0.0
    ) -> Int[np.ndarray, "window ctx"]:
        """The windows of one step; `purpose` keeps LM and dictionaries from drawing alike.

        Of the windows a share of `repeats` have their tokens shuffled, and the first few of these
        said again and again: only looking back helps there, which is what an induction head does.
        """
        random = np.random.default_rng([self._seed, purpose, step])
        chosen = np.searchsorted(self._cumulative, random.random(size))
        rows = self._tokens.windows[chosen].astype(np.int64)
        for i in np.flatnonzero(random.random(size) < repeats):
            period = random.integers(SHORTEST_PERIOD, rows.shape[1] // 2)
            rows[i, 1:] = np.resize(random.permutation(rows[i][rows[i] > BOS])[:period], rows.shape[1] - 1)
        return rows

    def shares(self) -> dict[str, dict[str, Any]]:
        """Each source's documents, tokens, weight, and share of the windows drawn."""
        parts = self._tokens.by_source()
        weight = {name: self._mix.get(name, 1) for name in parts}
        total = sum(weight[name] * len(part.windows) for name, part in parts.items())
        return {
            name: {
                "documents": len(part.source),
                "tokens": part.n_tokens,
                "weight": weight[name],
                "share": weight[name] * len(part.windows) / total,
            }
            for name, part in parts.items()
        }
