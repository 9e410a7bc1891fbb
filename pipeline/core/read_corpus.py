"""Documents -> one corpus of tokens: chosen by hash when there are more than are wanted."""

from __future__ import annotations

import hashlib
import heapq
import json
from collections.abc import Iterator
from dataclasses import dataclass, field
from itertools import islice

import numpy as np

from feature_atlas.errors import InputError
from pipeline.core.corpus import Document, Source, everything
from pipeline.core.model_folder import ModelFolder
from pipeline.core.progress import step
from pipeline.core.tokenizer import SubjectTokenizer
from pipeline.core.windows import Corpus

SHORTEST = 2  # a document of one token gives the model nothing to go on
BATCH = 16  # documents tokenised together, chosen by what is known of the choice before them
STREAM_SHARE = 4  # a source that may have no end is read until this many times max_tokens were seen


def read_corpus(sources: list[Source], folder: ModelFolder, max_tokens: int | None) -> Corpus:
    """Reads and tokenises the sources; documents are chosen by hash, sources share `max_tokens` evenly.

    Raises InputError if there is nothing to read, too much of it, or a token the model does not have.
    """
    chosen = _choose(sources, folder.tokenizer(), max_tokens)
    corpus = _corpus(chosen, max_tokens, [source.name for source in sources])
    _check(corpus, folder)
    return corpus


@dataclass
class Selection:
    """Of one source: in the order of their hashes, the documents that together hold at most `budget` tokens.

    Exact in one pass and in memory bounded by the budget: when what is held passes the budget, the
    document of highest hash can't belong to it, nor any other of a higher hash that comes later.
    """

    source: str
    budget: int | None
    _n_tokens: int = 0
    _ceiling: int = 2**64
    _heap: list[tuple[int, int, str, np.ndarray]] = field(default_factory=list)
    _short: list[int] = field(default_factory=list)

    def wants(self, name: str) -> bool:
        """Whether a document of this name may still be chosen, whatever it holds."""
        return _hash(self.source, name) < self._ceiling

    def add(self, order: int, name: str, tokens: list[int]) -> None:
        """Considers one more document, the `order`-th of its source."""
        rank = _hash(self.source, name)
        if rank >= self._ceiling:
            return
        if len(tokens) < SHORTEST:
            self._short.append(rank)
            return
        heapq.heappush(self._heap, (-rank, order, name, np.array(tokens, np.uint32)))
        self._n_tokens += len(tokens)
        while self.budget is not None and self._n_tokens > self.budget and len(self._heap) > 1:
            negative, _, _, dropped = heapq.heappop(self._heap)
            self._ceiling = -negative
            self._n_tokens -= len(dropped)

    def cut(self, budget: int) -> list[tuple[str, np.ndarray]]:
        """The kept documents in source order, once more for a budget that may be smaller."""
        kept: list[tuple[int, str, np.ndarray]] = []
        total = 0
        for _, order, name, tokens in sorted(self._heap, key=lambda item: (-item[0], item[1])):
            if kept and total + len(tokens) > budget:
                break
            total += len(tokens)
            kept.append((order, name, tokens))
        return [(name, tokens) for _, name, tokens in sorted(kept, key=lambda item: item[0])]

    @property
    def too_short(self) -> int:
        """Documents that would have been chosen, but for their length."""
        return sum(rank < self._ceiling for rank in self._short)

    @property
    def n_tokens(self) -> int:
        """Tokens of what is held now."""
        return self._n_tokens


def share_out(wanted: list[int], total: int | None) -> list[int]:
    """Shares `total` evenly among sources; what one does not use goes to the others."""
    if total is None:
        return wanted
    shares = [0] * len(wanted)
    left, open_ = total, sorted(range(len(wanted)), key=lambda i: wanted[i])
    while open_:
        i = open_.pop(0)
        shares[i] = min(wanted[i], left // (len(open_) + 1))
        left -= shares[i]
    return shares


def _choose(sources: list[Source], tokenizer: SubjectTokenizer, max_tokens: int | None) -> list[Selection]:
    chosen: list[Selection] = []
    for source in sources:
        selection = Selection(source.name, max_tokens)
        limit = STREAM_SHARE * max_tokens if source.streamed and max_tokens else None
        seen = 0
        with step(f"tokens {source.name}"[:40], None, "tokens") as progress:
            # How far to read what may have no end is told by the tokens of all its documents.
            wanted = everything if source.streamed else selection.wants
            for order, name, tokens in _tokenised(source.read(wanted), tokenizer):
                selection.add(order, name, tokens)
                progress.advance(len(tokens))
                seen += len(tokens)
                if limit is not None and seen >= limit:
                    break
        chosen.append(selection)
    return chosen


def _tokenised(
    documents: Iterator[Document], tokenizer: SubjectTokenizer
) -> Iterator[tuple[int, str, list[int]]]:
    order = 0
    for batch in _batches(documents, BATCH):
        for document, tokens in zip(batch, tokenizer.encode([d.text for d in batch]), strict=True):
            yield order, document.id, tokens
            order += 1


def _batches(documents: Iterator[Document], size: int) -> Iterator[list[Document]]:
    while batch := list(islice(documents, size)):
        yield batch


def _corpus(chosen: list[Selection], max_tokens: int | None, names: list[str]) -> Corpus:
    budgets = share_out([selection.n_tokens for selection in chosen], max_tokens)
    ids, owners, parts = [], [], []
    for selection, budget in zip(chosen, budgets, strict=True):
        for name, tokens in selection.cut(budget) if budget else []:
            ids.append(name)
            owners.append(selection.source)
            parts.append(tokens)
    starts = np.cumsum([0, *(len(part) for part in parts)], dtype=np.int64)
    tokens = np.concatenate(parts) if parts else np.zeros(0, np.uint32)
    return Corpus(tokens, starts, ids, owners, names, sum(selection.too_short for selection in chosen))


def _check(corpus: Corpus, folder: ModelFolder) -> None:
    if not corpus.ids:
        short = f" ({corpus.too_short} of fewer than {SHORTEST} tokens)" if corpus.too_short else ""
        raise InputError(f"the corpus {', '.join(corpus.sources)} holds no document to read{short}; add text")
    if len(corpus.tokens) >= 2**32:
        raise InputError(
            f"the corpus has {len(corpus.tokens):,} tokens; at most {2**32 - 1:,} fit: set max_tokens"
        )
    highest, d_vocab = int(corpus.tokens.max()), folder.shape.d_vocab
    if highest >= d_vocab:
        raise InputError(
            f"the tokenizer of {folder.path} gives token {highest}, but the model has only {d_vocab}"
        )


def _hash(source: str, name: str) -> int:
    return int.from_bytes(hashlib.sha256(json.dumps([source, name]).encode()).digest()[:8], "big")
