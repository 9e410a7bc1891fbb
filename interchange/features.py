"""One latent as the feature record of attribution graph frontends."""

from __future__ import annotations

from typing import Any

from feature_atlas import Example, Latent
from interchange.histogram import activations

Record = dict[str, Any]


def feature(latent: Latent) -> Record:
    """The record; what the atlas has no number for (`quantile_values`) is left out.

    `histogram` runs over act_min..act_max and is estimated, see `histogram.activations`; a latent that
    never fires has none.
    """
    seen: set[tuple[int, ...]] = set()
    shown = latent.summary()
    groups = [(name, [_example(each, seen) for each in examples]) for name, examples in _groups(latent)]
    record = {
        "index": latent.index,
        "transcoder_id": latent.dictionary.record.id,
        "examples_quantiles": [
            {"quantile_name": name, "examples": examples} for name, examples in groups if examples
        ],
        "top_logits": [row["token"] for row in shown["promoted"]],
        "bottom_logits": [row["token"] for row in shown["suppressed"]],
        "act_min": 0.0,
        "act_max": latent.number("max"),
        "activation_frequency": latent.number("density"),
    }
    if latent.number("firings"):
        record["histogram"] = activations(latent).tolist()
    return record


def cantor(layer: int, index: int) -> int:
    """The number by which the frontends know latent `index` of a layer: Cantor's pairing."""
    return (layer + index) * (layer + index + 1) // 2 + index


def _groups(latent: Latent) -> list[tuple[str, list[Example]]]:
    firings = latent.number("firings")
    bands = [
        (f"{band['low']:.3g} to {band['high']:.3g}, {band['firings'] / firings:.2%} of firings", examples)
        for band, examples in zip(latent.band_ranges(), latent.band_examples(), strict=True)
        if examples
    ]
    return [("Top examples", latent.examples("top")), *bands, ("Random firings", latent.examples("random"))]


def _example(example: Example, seen: set[tuple[int, ...]]) -> Record:
    """`is_repeated_datapoint`: the same tokens stand earlier in the record."""
    tokens = tuple(example.token_ids)
    repeated = tokens in seen
    seen.add(tokens)
    return {
        "tokens": example.tokens,
        "tokens_acts_list": example.activations,
        "train_token_ind": example.peak,
        "is_repeated_datapoint": repeated,
    }
