"""Heads made up for the synthetic atlases: patterns of a few kinds over real windows, numbers to match."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np

from feature_atlas.contract import (
    HEAD_FLOATS,
    HEAD_INTS,
    HEADS,
    METRICS,
    N_EFFECTS,
    N_HEAD_TYPES,
    N_KEYS,
    columns,
    head_sections,
    head_sizes,
)
from feature_atlas.store import create_group

Array = np.ndarray[Any, Any]

N_HEADS, CTX = 4, 64


def pattern_of(head: int, tokens: Array) -> Array:
    """Head 0 looks at the token before, 1 at earlier occurrences, 2 all around, 3 at the first position."""
    n = len(tokens)
    weight = np.tril(np.full((n, n), 1e-3))
    if head == 0:
        weight += np.eye(n, k=-1) * 9
    if head == 1:
        weight += np.tril(tokens[:, None] == tokens, -1) * 5
    weight[:, 0] += 1 if head == 3 else 0.1
    return (weight / weight.sum(axis=1, keepdims=True)).astype(np.float32)


def write_heads(into: Path, text: Any, layer: int, n_heads: int = N_HEADS, ctx: int = CTX) -> None:
    """The group of one layer; its windows are the first `ctx` tokens of documents."""
    sizes = head_sizes(n_heads, ctx)
    random = np.random.default_rng(layer)
    made = [_head(text, head, sizes, random) for head in range(n_heads)]
    fields = {"floats": columns(HEAD_FLOATS, sizes), "ints": columns(HEAD_INTS, sizes)}
    arrays = {
        **{f"windows/{name}": np.concatenate([each[name] for each in made]) for name in _WINDOW},
        "head/floats": np.stack([_card(each, HEAD_FLOATS) for each in made]).astype(np.float32),
        "head/ints": np.stack([_card(each, HEAD_INTS) for each in made]).astype(np.uint32),
        **{f"scores/{f.name}": np.array([each[f.name] for each in made], np.float32) for f in METRICS},
    }
    attributes = {"sizes": sizes, "sections": head_sections(), "fields": fields}
    create_group(into, HEADS, arrays, attributes, d_vocab=len(text.vocabulary))


_WINDOW = ("tokens", "attention", "norms")


def _card(made: dict[str, Any], fields: Any) -> Array:
    return np.concatenate([np.atleast_1d(made[field.name]) for field in fields])


def _head(text: Any, head: int, sizes: dict[str, int], random: np.random.Generator) -> dict[str, Any]:
    documents = random.choice(len(text.ids), sizes["example"], replace=False)
    rows = [_window(text, int(document), head, sizes["position"], random) for document in documents]
    found: dict[str, Any] = {name: np.stack([row[name] for row in rows]) for name in rows[0]}
    shares = np.sort(random.dirichlet(np.ones(N_HEAD_TYPES)))[::-1]
    d_vocab, cells = len(text.vocabulary), N_HEAD_TYPES * N_EFFECTS
    for side in ("query", "key"):
        found[f"{side}_token"] = random.choice(d_vocab, N_HEAD_TYPES, replace=False)
        found[f"{side}_count"] = random.integers(1, 99, N_HEAD_TYPES)
        found[f"{side}_share"], found[f"{side}_attention"] = shares, shares * 3
        found[f"{side}_missed"] = 0.125
    for table in ("ov_promoted", "ov_suppressed", "qk"):
        found[f"{table}_token"] = random.integers(0, d_vocab, cells)
        found[f"{table}_value"] = random.normal(size=cells)
    scores = {field.name: float(random.random()) for field in METRICS}
    profile = random.dirichlet(np.full(sizes["offset"], 0.1))
    counts = {"duplicate_queries": 700, "induction_queries": 600}
    return {
        **found,
        **scores,
        **counts,
        "copying_score": -0.5,
        "offset_attention": profile,
        "max_hist": random.integers(0, 50, sizes["bin"]),
    }


def _window(text: Any, document: int, head: int, ctx: int, random: np.random.Generator) -> dict[str, Any]:
    first = int(text.starts[document])
    tokens = text.tokens[first : min(first + ctx, int(text.starts[document + 1]))].astype(np.int64)
    n, pattern, norms = len(tokens), pattern_of(head, tokens), np.zeros(ctx, np.float32)
    norms[:n] = random.uniform(1, 3, n)
    attention = np.zeros((2, ctx, N_KEYS), np.uint16)
    for query in range(n):
        keys = np.argsort(-pattern[query], kind="stable")[:N_KEYS]
        steps = np.where(pattern[query, keys] >= 0.005, np.rint(pattern[query, keys] * 255), 0)
        attention[:, query] = np.where(steps > 0, keys, 0), steps
    write = np.tril(pattern * norms[:n])
    write[0], write[:, 0] = 0, 0
    query, key = np.unravel_index(write.argmax(), write.shape)
    return {
        "tokens": np.pad(tokens, (0, ctx - n)),
        "attention": attention,
        "norms": norms,
        "example_write": write.max(),
        "example_attention": np.tril(pattern, -1)[1:, 1:].max(axis=1).sum(),
        "example_pattern": pattern[query, key],
        "example_query": query,
        "example_key": key,
        "example_document": document,
        "example_position": 1,
        "example_length": n,
    }
