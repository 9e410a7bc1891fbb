"""The corpus as tokens, and its windows: what the model reads at once, never across documents."""

from __future__ import annotations

import json
from collections.abc import Iterator
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import Any

import numpy as np
from jaxtyping import Bool, Int32, Int64, Integer, UInt64

from feature_atlas.contract import EXCERPT
from feature_atlas.manifest import Windowing
from pipeline.core.files import digest, file_digest, load_arrays, save_arrays, write_atomically

# Index 0 of a window is a BOS, or, without one, an attention sink: on real GPT-2 its norm is
# hundreds of times that of other positions and would fill every top list.
SKIPPED = (0,)
BEFORE_PEAK = 42  # of an excerpt's 64 tokens: what came before explains more than what follows


@dataclass(frozen=True)
class Corpus:
    """All documents' tokens one after another; document i holds tokens [starts[i], starts[i + 1])."""

    tokens: Integer[np.ndarray, " token"]
    starts: Integer[np.ndarray, " edge"]
    ids: list[str]
    owners: list[str]
    sources: list[str]
    too_short: int

    @property
    def n_documents(self) -> int:
        """Documents kept."""
        return len(self.ids)


def save_corpus(folder: Path, corpus: Corpus) -> None:
    """Writes `corpus.npz` and `documents.json`."""
    save_arrays(folder / "corpus.npz", {"tokens": corpus.tokens, "starts": corpus.starts})
    documents: dict[str, Any] = {
        "ids": corpus.ids,
        "owners": corpus.owners,
        "sources": corpus.sources,
        "too_short": corpus.too_short,
    }
    write_atomically(folder / "documents.json", json.dumps(documents).encode())


def load_corpus(folder: Path) -> Corpus:
    """Reads what `save_corpus` wrote."""
    arrays = load_arrays(folder / "corpus.npz")
    documents = json.loads((folder / "documents.json").read_bytes())
    return Corpus(tokens=arrays["tokens"], starts=arrays["starts"], **documents)


def corpus_digest(folder: Path) -> str:
    """SHA-256 of the corpus as chosen: what everything after it depends on."""
    return digest(*(file_digest(folder / name) for name in ("corpus.npz", "documents.json")))


@dataclass(frozen=True)
class Batch:
    """Windows read together, padded at the end; `counted` marks the positions that statistics cover.

    The counted positions of each window follow one another. Flattened in window order they are the
    columns of every activation block: `token` is their index in the corpus, `type` their token
    type, `window` the window they are in, `start` the first column of each window, `name` their
    document and position, and `excerpt_start` to `excerpt_stop` the columns of the excerpt around each.
    """

    windows: Integer[np.ndarray, "window pos"]
    counted: Bool[np.ndarray, "window pos"]
    token: Integer[np.ndarray, " column"]
    type: Integer[np.ndarray, " column"]
    start: Integer[np.ndarray, " window"]
    window: Int32[np.ndarray, " column"]
    name: UInt64[np.ndarray, " column"]
    excerpt_start: Int32[np.ndarray, " column"]
    excerpt_stop: Int32[np.ndarray, " column"]

    @cached_property
    def length(self) -> Int64[np.ndarray, " window"]:
        """Tokens of each window, its first position included."""
        return self.counted.sum(axis=1) + 1

    @cached_property
    def earlier(self) -> Int32[np.ndarray, "window pos"]:
        """At each counted position that of the token type's last occurrence before; 0 where there is none.

        Only counted positions of the window are looked at.
        """
        found = np.zeros(self.windows.shape, np.int32)
        name = self.window.astype(np.int64) << 32 | self.type
        order = np.argsort(name, kind="stable")
        again = np.flatnonzero(name[order][1:] == name[order][:-1])
        here, before = order[again + 1], order[again]
        index = np.arange(len(name)) - self.start[self.window] + 1
        found[self.window[here], index[here]] = index[before]
        return found


class Windows:
    """All windows of a corpus in order, cut by the rule that the manifest states."""

    def __init__(self, corpus: Corpus, ctx: int, bos: int | None) -> None:
        self.corpus, self.ctx, self.bos = corpus, ctx, bos
        self.stride = ctx if bos is None else ctx - 1

    @cached_property
    def _spans(self) -> Integer[np.ndarray, "window span"]:
        """First and last-plus-one corpus token of every window that has a counted position."""
        lengths = np.diff(self.corpus.starts)
        per_document = -(-lengths // self.stride)
        document = np.repeat(np.arange(len(lengths)), per_document)
        nth = np.arange(len(document)) - np.repeat(np.cumsum(per_document) - per_document, per_document)
        first = self.corpus.starts[document] + nth * self.stride
        last = np.minimum(first + self.stride, self.corpus.starts[document + 1])
        shortest = 1 if self.bos is not None else 2
        kept = last - first >= shortest
        return np.stack([first[kept], last[kept]], axis=1)

    def __len__(self) -> int:
        return len(self._spans)

    @property
    def counted_tokens(self) -> int:
        """Positions over which statistics run."""
        lengths = self._spans[:, 1] - self._spans[:, 0]
        return int(lengths.sum()) - (0 if self.bos is not None else len(lengths))

    @property
    def lengths(self) -> Integer[np.ndarray, " window"]:
        """Tokens of every window, its first position included."""
        return self._spans[:, 1] - self._spans[:, 0] + (0 if self.bos is None else 1)

    def type_counts(self, d_vocab: int) -> Integer[np.ndarray, " type"]:
        """Occurrences of each token type at counted positions."""
        first = self._spans[:, 0] + (1 if self.bos is None else 0)
        edges = np.zeros(len(self.corpus.tokens) + 1, np.int64)
        np.add.at(edges, first, 1)
        np.add.at(edges, self._spans[:, 1], -1)
        counted = np.cumsum(edges[:-1]) > 0
        return np.bincount(self.corpus.tokens[counted], minlength=d_vocab)

    def documents(self, token: Integer[np.ndarray, ...]) -> Integer[np.ndarray, ...]:
        """The document that each corpus token belongs to."""
        return np.searchsorted(self.corpus.starts, token, side="right") - 1

    def excerpts(self, token: Integer[np.ndarray, ...]) -> tuple[np.ndarray, np.ndarray]:
        """First corpus token and length of the excerpt around each peak.

        Up to EXCERPT counted tokens of the peak's window: two thirds before the peak, one after,
        moved inside the window where it would reach over an end.
        """
        document = self.documents(token)
        begin, end = self.corpus.starts[document], self.corpus.starts[document + 1]
        window = begin + (token - begin) // self.stride * self.stride
        first = window + (1 if self.bos is None else 0)
        last = np.minimum(window + self.stride, end)
        length = np.minimum(EXCERPT, last - first)
        return np.clip(token - BEFORE_PEAK, first, last - length), length

    def locate(
        self, token: Integer[np.ndarray, " counted"]
    ) -> tuple[Integer[np.ndarray, " counted"], Integer[np.ndarray, " counted"]]:
        """The window of each counted corpus token, and its window index in it."""
        first = self._spans[:, 0]
        window = np.searchsorted(first, token, side="right") - 1
        return window, token - first[window] + (0 if self.bos is None else 1)

    def whole(
        self, token: Integer[np.ndarray, "*slots"]
    ) -> tuple[Integer[np.ndarray, "*slots position"], Integer[np.ndarray, "*slots"]]:
        """The tokens of the window of which `token` is a corpus token, as the model reads it, and how many.

        Zero beyond them.
        """
        document = self.documents(token)
        begin, end = self.corpus.starts[document], self.corpus.starts[document + 1]
        first = begin + (token - begin) // self.stride * self.stride
        lead = 0 if self.bos is None else 1
        length = np.minimum(self.stride, end - first) + lead
        offset = np.arange(self.ctx) - lead
        inside = (offset >= 0) & (offset < (length - lead)[..., None])
        tokens = np.where(inside, self.corpus.tokens[np.where(inside, first[..., None] + offset, 0)], 0)
        if self.bos is not None:
            tokens[..., 0] = self.bos
        return tokens, length

    def record(self) -> Windowing:
        """The rule and its counts, for the manifest."""
        return Windowing(
            ctx=self.ctx,
            stride=self.stride,
            bos_token_id=self.bos,
            skipped=SKIPPED,
            n_windows=len(self),
            counted_tokens=self.counted_tokens,
        )

    def order(self, n: int, seed: int) -> Integer[np.ndarray, " window"]:
        """All windows' indices: a random sample of `n` of them, ascending, and then all others, ascending."""
        chosen = np.zeros(len(self), bool)
        chosen[np.random.default_rng(seed).permutation(len(self))[:n]] = True
        return np.concatenate([np.flatnonzero(chosen), np.flatnonzero(~chosen)])

    def batches(self, size: int, order: Integer[np.ndarray, " window"] | None = None) -> Iterator[Batch]:
        """Batches of `size` windows (the last may have fewer), of all in turn or of those in `order`."""
        spans = self._spans if order is None else self._spans[order]
        for start in range(0, len(spans), size):
            yield self._batch(spans[start : start + size])

    def _batch(self, spans: Integer[np.ndarray, "window span"]) -> Batch:
        lead = 0 if self.bos is None else 1
        lengths = spans[:, 1] - spans[:, 0]
        offset = np.arange(self.ctx) - lead
        inside = (offset >= 0) & (offset < lengths[:, None])
        index = np.where(inside, spans[:, :1] + offset, 0)
        windows = np.where(inside, self.corpus.tokens[index], 0 if self.bos is None else self.bos).astype(
            np.int64
        )
        counted = inside & ~np.isin(np.arange(self.ctx), SKIPPED)
        token = index[counted]
        per_window = counted.sum(axis=1)
        first, length = self.excerpts(token)
        excerpt = np.arange(len(token)) - (token - first)
        return Batch(
            windows=windows,
            counted=counted,
            token=token,
            type=self.corpus.tokens[token].astype(np.int64),
            start=np.cumsum(per_window) - per_window,
            window=np.repeat(np.arange(len(spans), dtype=np.int32), per_window),
            name=self._names(token),
            excerpt_start=excerpt.astype(np.int32),
            excerpt_stop=(excerpt + length).astype(np.int32),
        )

    def _names(self, token: Integer[np.ndarray, " column"]) -> UInt64[np.ndarray, " column"]:
        document = self.documents(token)
        position = token - self.corpus.starts[document]
        return (document.astype(np.uint64) << np.uint64(32)) | position.astype(np.uint64)
