"""The snippets that a list shows of a latent, from its examples."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import numpy as np

from feature_atlas.contract import EXCERPT, NO_TOKEN, PER_BAND, SNIPPET

Array = np.ndarray[Any, Any]
BEFORE_PEAK = 3  # tokens of a snippet before its peak: list rows are narrow, and the peak must show


def preview(examples: Mapping[str, Array], highest: Array, rows: Mapping[str, tuple[int, int]]) -> Array:
    """Snippets of the top example, of the strongest firing of the third band, and of a random one.

    `examples` holds tokens and acts [latent, example, offset] and the card's peak, length and scale
    [latent, example]; `highest` is [latent]; `rows` are the sections of the example axis. Gives the
    contract's array `preview`, [latent, snippet, channel, snippet_offset].
    """
    chosen = [rows["top"][0], rows["bands"][0] + 2 * PER_BAND, rows["random"][0]]
    peak, length = examples["example_peak"][:, chosen], examples["example_length"][:, chosen]
    first = np.clip(peak - BEFORE_PEAK, 0, np.maximum(length - SNIPPET, 0))
    offset = first[..., None] + np.arange(SNIPPET)
    inside = offset < length[..., None]
    at = np.minimum(offset, EXCERPT - 1)
    tokens = np.take_along_axis(examples["tokens"][:, chosen], at, axis=2)
    acts = (
        np.take_along_axis(examples["acts"][:, chosen], at, axis=2)
        * examples["example_scale"][:, chosen, None]
    )
    top = np.where(highest > 0, highest, 1)[:, None, None]
    heat = np.clip(np.ceil(255 * np.clip(acts, 0, None) / top), 0, 255)
    return np.stack([np.where(inside, tokens, 0), np.where(inside, heat, NO_TOKEN)], axis=2).astype(np.uint32)
