"""A dictionary's group, or that of a layer's heads, from what scan and describe left of it."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np

from feature_atlas.contract import (
    DICTIONARY,
    FLOATS,
    HEAD_FLOATS,
    HEAD_INTS,
    HEADS,
    INTS,
    LABELS,
    MAP,
    columns,
    dictionary_sizes,
    head_sections,
    head_sizes,
    sections,
)
from feature_atlas.labels import Label, label_arrays, label_attribute
from feature_atlas.store import create_group
from pipeline.core.cards import Mate, dictionary_arrays, related_sizes
from pipeline.core.dictionaries import Dictionary
from pipeline.core.files import load_arrays
from pipeline.core.head_cards import head_arrays
from pipeline.core.heads import HeadGroup
from pipeline.core.virtual import Partners, chance
from pipeline.core.windows import Windows


def write_dictionary(
    into: Path,
    dictionary: Dictionary,
    mates: list[Dictionary],
    partners: Partners,
    work: Path,
    windows: Windows,
    min_count: int,
    d_vocab: int,
    d_model: int,
) -> None:
    """Writes the group to `into`; token types rarer than `min_count` are in no fires-on list."""
    scan = load_arrays(work / "scan" / f"{dictionary.id}.npz")
    described = load_arrays(work / "describe" / f"{dictionary.id}.npz")
    ablated = _ablated(work, dictionary.id)
    described |= load_arrays(work / "describe" / f"{dictionary.id}+virtual.npz")
    n_top, two_signed = scan["top/key"].shape[1], dictionary.two_signed
    pool = [Mate(mate.id, _firings(work, mate.id)) for mate in mates]
    arrays = dictionary_arrays(scan, described | ablated, windows, pool, two_signed, min_count, d_vocab)
    n_heads = scan["heads/sums"].shape[1] if "heads/sums" in scan else 0
    n_ablated = ablated["ablation_loss"].shape[1] if ablated else 0
    n, related = dictionary.n_latents, related_sizes(described)
    sizes = dictionary_sizes(n, n_top, two_signed, bool(mates), n_heads, n_ablated, related)
    attributes: dict[str, Any] = {
        "sizes": sizes,
        "sections": sections(n_top, two_signed),
        "fields": {"floats": columns(FLOATS, sizes), "ints": columns(INTS, sizes)},
        "writes": "promoted_value" in described,
        "mates": [mate.id for mate in mates],
        "heads": f"attn.{dictionary.hook_in.layer}" if n_heads else None,
        "upstream": _side(partners.upstream, d_model),
        "downstream": _side(partners.downstream, d_model),
    }
    specs = DICTIONARY
    if dictionary.labels is not None:
        specs = (*DICTIONARY, *LABELS)
        source, texts = dictionary.labels.source, dictionary.labels.labels
        said = {index: [Label(text, source)] for index, text in texts.items() if text}
        arrays |= label_arrays(said, dictionary.n_latents)
        attributes["labels"] = label_attribute(said)
    laid_out = work / "map" / f"{dictionary.id}.npz"
    if laid_out.is_file():
        specs, arrays, attributes["map"] = (*specs, *MAP), arrays | load_arrays(laid_out), True
    create_group(into, specs, arrays, attributes, d_vocab=d_vocab, two_signed=two_signed)


def write_heads(into: Path, group: HeadGroup, work: Path, windows: Windows, d_vocab: int) -> None:
    """Writes the group of a layer's heads to `into`."""
    scan, described = (load_arrays(work / stage / f"{group.id}.npz") for stage in ("scan", "describe"))
    sizes = head_sizes(group.n_heads, windows.ctx)
    attributes: dict[str, Any] = {
        "sizes": sizes,
        "sections": head_sections(),
        "fields": {"floats": columns(HEAD_FLOATS, sizes), "ints": columns(HEAD_INTS, sizes)},
    }
    arrays = head_arrays(scan, described, windows, d_vocab)
    create_group(into, HEADS, arrays, attributes, d_vocab=d_vocab)


def _ablated(work: Path, dictionary: str) -> dict[str, np.ndarray]:
    """What ablating its latents does; empty where that was not asked for, or they write nothing."""
    path = work / "effects" / f"{dictionary}.npz"
    return load_arrays(path) if path.is_file() else {}


def _side(units: list[Dictionary], d_model: int) -> dict[str, Any] | None:
    """The dictionaries that virtual weights lead to, and what their largest cosine would be by chance."""
    return {"dictionaries": [each.id for each in units], "chance": chance(units, d_model)} if units else None


def _firings(work: Path, dictionary: str) -> np.ndarray:
    with np.load(work / "scan" / f"{dictionary}.npz", allow_pickle=False) as scan:
        return scan["moments/firings"]
