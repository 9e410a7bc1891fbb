"""From what scan and describe left of a layer's heads to the arrays of the atlas: pure functions."""

from __future__ import annotations

import numpy as np
from jaxtyping import Float64, Int64

from feature_atlas.contract import HEAD_FLOATS, HEAD_INTS, METRICS, columns, head_sections, head_sizes
from pipeline.core.accumulate.best import token_of
from pipeline.core.accumulate.head_types import strongest_types
from pipeline.core.cards import Arrays, card
from pipeline.core.windows import Windows


def head_arrays(scan: Arrays, described: Arrays, windows: Windows, d_vocab: int) -> Arrays:
    """Every array of the contract's HEADS for the heads of one layer."""
    n_heads = len(scan["sums/first"])
    sizes = head_sizes(n_heads, windows.ctx)
    examples, counts = _examples(scan, windows), windows.type_counts(d_vocab)
    fields: Arrays = {
        **{name: examples[name] for name in examples if name.startswith("example_")},
        **head_scores(scan, windows),
        **types_of(scan, "sent", "query", counts),
        **types_of(scan, "received", "key", counts),
        **described,
    }
    rows = sizes["head_example"]
    return {
        "windows/tokens": examples["tokens"].reshape(rows, windows.ctx),
        "windows/attention": np.stack([examples["keys"], examples["steps"]], axis=2).reshape(
            rows, 2, windows.ctx, -1
        ),
        "windows/norms": examples["norm"].reshape(rows, windows.ctx),
        "head/floats": card(fields, columns(HEAD_FLOATS, sizes), n_heads, np.float32),
        "head/ints": card(fields, columns(HEAD_INTS, sizes), n_heads, np.uint32),
        **{f"scores/{field.name}": fields[field.name].astype(np.float32) for field in METRICS},
    }


def head_scores(scan: Arrays, windows: Windows) -> Arrays:
    """Means of what was summed: at each distance over the counted pairs at it, else over counted queries.

    A window of n tokens has n - 1 counted positions and n - 1 - d counted pairs at distance d. Distances
    are weighted by attention: mean = sum_d d A_d / sum_d A_d, A_d being all attention at distance d, and
    variance = sum_d (d - mean)^2 A_d / sum_d A_d. What is over no query at all is 0.
    """
    sums = {name.removeprefix("sums/"): array for name, array in scan.items() if name.startswith("sums/")}
    n, distance = windows.counted_tokens, np.arange(windows.ctx)
    pairs = np.maximum(windows.lengths[:, None] - 1 - distance, 0).sum(axis=0)
    offset = sums["at_distance"] / np.maximum(pairs, 1)
    mass = sums["at_distance"] / _safe(sums["at_distance"].sum(axis=1))[:, None]
    mean = mass @ distance
    return {
        "offset_attention": offset,
        "max_hist": sums["max_hist"],
        "self_attention_score": offset[:, 0],
        "prev_token_score": offset[:, 1],
        "duplicate_token_score": sums["duplicate"] / np.maximum(sums["duplicate_queries"], 1),
        "induction_score": sums["induction"] / np.maximum(sums["induction_queries"], 1),
        "duplicate_queries": sums["duplicate_queries"],
        "induction_queries": sums["induction_queries"],
        "first_position_score": sums["first"] / n,
        "pattern_entropy": sums["entropy"] / n,
        "qk_distance": mean,
        "qk_distance_variance": ((distance - mean[:, None]) ** 2 * mass).sum(axis=1),
        "mean_max_attention": sums["largest"] / n,
        "max_write_norm": sums["max_write"],
    }


def types_of(scan: Arrays, table: str, side: str, counts: Int64[np.ndarray, " type"]) -> Arrays:
    """The types of largest share of the attention in a table, as the card's `<side>_*` fields."""
    sums, types = np.maximum(scan[f"types/{table}"], 0), scan["types/type"]
    listed = strongest_types(types, sums)
    there, all_ = listed >= 0, _safe(sums.sum(axis=1))
    at = np.minimum(np.searchsorted(types, listed), len(types) - 1)
    mass, count = np.take_along_axis(sums, at, axis=1), counts[np.maximum(listed, 0)]
    return {
        f"{side}_token": np.where(there, listed, 0),
        f"{side}_count": np.where(there, count, 0),
        f"{side}_attention": np.where(there, mass / np.maximum(count, 1), 0),
        f"{side}_share": np.where(there, mass / all_[:, None], 0),
        f"{side}_missed": sums[:, -1] / all_,
    }


def _examples(scan: Arrays, windows: Windows) -> Arrays:
    """All kept windows of every head in the order of the contract's sections, best first."""
    kept = [_sorted(scan, section) for section in head_sections()]
    found = {name: np.concatenate([part[name] for part in kept], axis=1) for name in kept[0]}
    there = found["key"] > 0
    token = np.where(there, token_of(found["key"]), 0)
    document = windows.documents(token)
    tokens, length = windows.whole(token)
    return {
        "tokens": np.where(there[..., None], tokens, 0),
        **{name: found[name] for name in ("keys", "steps", "norm")},
        "example_write": found["write"],
        "example_attention": found["attention"],
        "example_pattern": found["pattern"],
        "example_query": found["query"],
        "example_key": found["source"],
        "example_document": np.where(there, document, 0),
        "example_position": np.where(there, token - windows.corpus.starts[document], 0),
        "example_length": np.where(there, length, 0),
    }


def _sorted(scan: Arrays, section: str) -> Arrays:
    """What was kept of each head, largest key first."""
    prefix = f"windows/{section}/"
    parts = {name.removeprefix(prefix): array for name, array in scan.items() if name.startswith(prefix)}
    order = np.argsort(parts["key"], axis=1)[:, ::-1]
    row = np.arange(len(order))[:, None]
    return {name: array[row, order] for name, array in parts.items()}


def _safe(total: Float64[np.ndarray, " head"]) -> Float64[np.ndarray, " head"]:
    return np.where(total > 0, total, 1)
