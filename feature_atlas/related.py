"""What weights alone tell of the units that belong to a latent."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np

if TYPE_CHECKING:
    from feature_atlas.atlas import Latent


@dataclass(frozen=True)
class Side:
    """The dictionaries upstream, or downstream, of another.

    `chance` is the median of the largest |cosine| that so many units would have by random directions.
    """

    dictionaries: list[str]
    chance: float

    @classmethod
    def of(cls, attributes: Mapping[str, Any], name: str) -> Side | None:
        """That of a group's attributes; None if it has none, or was made before there were any."""
        told = attributes.get(name)
        return cls(told["dictionaries"], told["chance"]) if told else None


def related(latent: Latent) -> dict[str, list[dict[str, Any]]]:
    """Nearest latents by read direction, units upstream and downstream, heads that write what it reads.

    Lists are empty in atlases made before these were told.
    """
    dictionary = latent.dictionary
    return {
        "encoder_neighbours": _encoder(latent),
        "upstream": _virtual(latent, "upstream", dictionary.upstream),
        "downstream": _virtual(latent, "downstream", dictionary.downstream),
        "writers": _writers(latent),
    }


def _encoder(latent: Latent) -> list[dict[str, Any]]:
    rows = _rows(latent, "encoder_index", "encoder_cosine")
    name = latent.dictionary.record.id
    return [
        {"address": f"{name}/{index}", "cosine": cosine} for index, cosine in rows if index != latent.index
    ]


def _virtual(latent: Latent, name: str, side: Side | None) -> list[dict[str, Any]]:
    if side is None:
        return []
    rows = _rows(latent, *(f"{name}_{part}" for part in ("dictionary", "index", "cosine", "weight")))
    return [
        {"address": f"{side.dictionaries[number]}/{index}", "cosine": cosine, "weight": weight}
        for number, index, cosine, weight in rows
        if cosine
    ]


def _writers(latent: Latent) -> list[dict[str, Any]]:
    n_heads = latent.dictionary.atlas.manifest.model.n_heads
    rows = _rows(latent, "writer_head", "writer_norm")
    return [
        {"address": f"attn.{head // n_heads}/{head % n_heads}", "norm": norm} for head, norm in rows if norm
    ]


def _rows(latent: Latent, *names: str) -> list[tuple[Any, ...]]:
    """The fields' columns side by side."""
    nothing = np.zeros(0)
    columns = [latent.ints.get(name, latent.floats.get(name, nothing)).tolist() for name in names]
    return list(zip(*columns, strict=True))
