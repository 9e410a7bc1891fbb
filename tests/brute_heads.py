"""Everything the atlas says of a head from its whole patterns, the slow and obvious way.

Written against the words in the glossary, without anything from the pipeline. A window is given as its
tokens, first position included, with its pattern [query, key] and its ‖v W_O‖ [key].
"""

from __future__ import annotations

import math
from collections import defaultdict
from dataclasses import dataclass
from typing import Any

import numpy as np

Array = np.ndarray[Any, Any]


@dataclass(frozen=True)
class Seen:
    """One window as one head sees it; `document` and `position` are those of its first counted token."""

    document: int
    position: int
    tokens: list[int]
    pattern: Array
    norm: Array

    @property
    def queries(self) -> range:
        """Counted queries; counted keys of q are 1 to q."""
        return range(1, len(self.tokens))

    @property
    def write(self) -> Array:
        """Write norm of each counted pair, 0 elsewhere."""
        counted = np.tril(self.pattern * self.norm)
        counted[0], counted[:, 0] = 0, 0
        return counted

    @property
    def attention(self) -> float:
        """Sum over counted queries of the largest attention to an earlier counted key."""
        return sum(max((float(self.pattern[q, k]) for k in range(1, q)), default=0.0) for q in self.queries)


def scores(windows: list[Seen], ctx: int) -> dict[str, Any]:
    """Every score over the corpus, the offset profile and the histogram of the largest attention."""
    at: dict[int, list[float]] = defaultdict(list)
    first, entropy, largest, duplicate, induction = [], [], [], [], []
    for seen in windows:
        p = seen.pattern.astype(np.float64)
        for q in seen.queries:
            for k in range(1, q + 1):
                at[q - k].append(p[q, k])
            first.append(p[q, 0])
            entropy.append(-sum(x * math.log(x) for x in p[q, : q + 1] if x > 0))
            largest.append(max(p[q, 1 : q + 1]))
            before = [j for j in range(1, q) if seen.tokens[j] == seen.tokens[q]]
            after = [j + 1 for j in before if j + 1 < q]
            if before:
                duplicate.append(sum(p[q, j] for j in before))
            if after:
                induction.append(sum(p[q, j] for j in after if p[q, j] >= 0.01))
    mass = np.array([sum(at[d]) for d in range(ctx)])
    distances = [(d, x) for d, values in at.items() for x in values]
    total = sum(x for _, x in distances)
    mean = sum(d * x for d, x in distances) / total
    return {
        "offset_attention": [np.mean(at[d]) if at[d] else 0.0 for d in range(ctx)],
        "max_histogram": np.histogram(np.minimum(largest, 1), 50, (0, 1))[0],
        "self_attention_score": np.mean(at[0]),
        "prev_token_score": np.mean(at[1]),
        "duplicate_token_score": np.mean(duplicate or [0]),
        "induction_score": np.mean(induction or [0]),
        "duplicate_queries": len(duplicate),
        "induction_queries": len(induction),
        "first_position_score": np.mean(first),
        "pattern_entropy": np.mean(entropy),
        "qk_distance": mean,
        "qk_distance_variance": sum((d - mean) ** 2 * x for d, x in distances) / total,
        "mean_max_attention": np.mean(largest),
        "max_write_norm": max(seen.write.max() for seen in windows),
        "total": mass.sum(),
    }


def types(windows: list[Seen], n_types: int) -> dict[str, Array]:
    """Attention of counted pairs by token type, as queries and as keys; occurrences at counted positions."""
    found = {side: np.zeros(n_types) for side in ("query", "key", "count")}
    for seen in windows:
        for q in seen.queries:
            found["count"][seen.tokens[q]] += 1
            for k in range(1, q + 1):
                found["query"][seen.tokens[q]] += seen.pattern[q, k]
                found["key"][seen.tokens[k]] += seen.pattern[q, k]
    return found


def best(windows: list[Seen], by: str, n: int) -> list[Seen]:
    """The n windows of largest write norm or most attention; ties to the lower (document, position)."""
    measure = {"write": lambda seen: -seen.write.max(), "attention": lambda seen: -seen.attention}[by]
    return sorted(windows, key=lambda seen: (measure(seen), seen.document, seen.position))[:n]


def strongest(row: Array, query: int) -> dict[int, float]:
    """The eight keys of a query's largest attention, at least 0.005, ties to the lower key."""
    keys = [k for k in range(query + 1) if row[k] >= np.float32(0.005)]
    return {k: float(row[k]) for k in sorted(keys, key=lambda k: (-row[k], k))[:8]}
