"""HeadVis' tree: the heads' scores, and for each head its example windows."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from itertools import pairwise
from pathlib import Path
from typing import Any

import numpy as np

from feature_atlas import Atlas, Head, HeadExample, Heads
from feature_atlas.contract import ATTENTION_BINS, METRICS
from interchange.names import slug
from interchange.rows import dump

INTERVALS = ("random", "attention", "write")  # sections of a head's windows, as HeadVis' intervals 1 to 3
LEAST = 0.005  # attention below it is not told
DIGITS = 4
DISTANCES = [0, *(2**i for i in range(13))]  # edges of the distance histogram

Json = dict[str, Any]


def write(atlas: Atlas, layers: Sequence[Heads], folder: Path, advance: Callable[[int], None]) -> None:
    """Writes `<model>/headvis/<corpus>/` of the heads of some layers."""
    corpus = ", ".join(atlas.manifest.corpus.sources)
    tree = folder / slug(atlas.manifest.model.name) / "headvis" / slug(corpus)[:80]
    (tree / "heads").mkdir(parents=True)
    (tree / "attributions").mkdir()
    scatter: list[Json] = []
    for heads in layers:
        for index in range(len(heads)):
            head = heads[index]
            name = f"L{heads.record.layer}H{index}.json"
            (tree / "heads" / name).write_bytes(dump(head_json(head)))
            scatter.append({"layer": heads.record.layer, "head": index, **head.scores})
        advance(len(heads))
    (tree / "config.json").write_bytes(dump(_config(atlas, corpus, scatter)))
    (tree / "scatter_data.json").write_bytes(dump(scatter))
    for stub in ("server_config.json", "attributions/manifest.json"):
        (tree / stub).write_bytes(dump({}))


def head_json(head: Head) -> Json:
    """One head's file. Windows and their distances are samples; all else is over the whole corpus."""
    shown = head.to_json()
    examples = [
        (interval, each)
        for interval, section in enumerate(INTERVALS, start=1)
        for each in head.examples(section)
    ]
    sequences = [_sequence(i, interval, each) for i, (interval, each) in enumerate(examples)]
    return {
        "sequences": sequences,
        "qk_distance_histogram": _distances(sequences),
        "top_query_tokens": [_weight(each) for each in shown["query_tokens"]],
        "top_key_tokens": [_weight(each) for each in shown["key_tokens"]],
        "histogram": {
            "bin_edges": shown["max_histogram"]["edges"],
            "bin_values": shown["max_histogram"]["counts"],
        },
        "statistics": {
            "n_samples": len(sequences),
            "mean_max_activation": head.number("mean_max_attention"),
        },
    }


def _sequence(number: int, interval: int, example: HeadExample) -> Json:
    """Entry q * seq_len + k is the attention of query q to key k; the maximum passes over position 0."""
    attention = np.where(example.attention >= LEAST, example.attention, 0)
    there = np.flatnonzero(attention)
    return {
        "sequence_id": number,
        "interval": interval,
        "tokens": example.tokens,
        "attention_indices": there.tolist(),
        "attention_values": [round(value, DIGITS) for value in attention.ravel()[there].tolist()],
        "seq_len": len(example.tokens),
        "max_activation": round(float(example.attention[1:, 1:].max(initial=0)), DIGITS),
    }


def _distances(sequences: Sequence[Json]) -> Json:
    """Attention told in the windows by query - key: [0, 1), [1, 2), [2, 4), ..."""
    sums = np.zeros(len(DISTANCES) - 1)
    for distance, value in _pairs(sequences):
        sums += [value if low <= distance < high else 0 for low, high in pairwise(DISTANCES)]
    return {"bin_edges": DISTANCES, "bin_values": sums.round(DIGITS).tolist()}


def _pairs(sequences: Sequence[Json]) -> Iterator[tuple[int, float]]:
    for each in sequences:
        for place, value in zip(each["attention_indices"], each["attention_values"], strict=True):
            query, key = divmod(place, each["seq_len"])
            yield query - key, value


def _weight(told: Json) -> Json:
    return {"token": told["token"], "weight": told["share"]}


def _config(atlas: Atlas, corpus: str, scatter: Sequence[Json]) -> Json:
    manifest = atlas.manifest
    return {
        "model_name": manifest.model.name,
        "dataset_name": corpus,
        "heads": [[row["layer"], row["head"]] for row in scatter],
        "n_layers": manifest.model.n_layers,
        "n_heads": manifest.model.n_heads,
        "n_intervals": len(INTERVALS),
        "metrics": [field.name for field in METRICS],
        "metric_descriptions": {field.name: field.doc for field in METRICS},
        "head_data_pattern": "L{layer}H{head}.json",
        "has_umap": False,
        "umap_heads": [],
        "custom_plots": [
            {"key": "qk_distance_histogram", "label": "query - key, over the windows shown"},
            {"key": "histogram", "label": f"queries by largest attention, {ATTENTION_BINS} bins"},
        ],
        "custom_tables": [
            {"key": "top_query_tokens", "label": "looks from: share of all attention"},
            {"key": "top_key_tokens", "label": "looks at: share of all attention"},
        ],
        "statistics_display": {
            "n_samples": {"label": "windows", "format": "default"},
            "mean_max_activation": {"label": "mean of the largest attention", "format": "default"},
        },
        "pipeline_config": {
            "run": manifest.run,
            "counted_tokens": manifest.windowing.counted_tokens,
            "seq_len": manifest.windowing.ctx,
            "intervals": list(INTERVALS),
            "sparse_threshold": LEAST,
        },
    }
