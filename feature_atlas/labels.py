"""What latents are said to fire on: by whom, and how well that was found to hold."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

from feature_atlas.contract import LABEL_PARTS

Array = np.ndarray[Any, Any]
Labels = Mapping[int, Sequence["Label"]]  # by index of the latent


@dataclass(frozen=True)
class Label:
    """A text, who says it, and its score by that source's own measure (None if it has none)."""

    text: str
    source: str
    score: float | None = None


def unprintable(text: str) -> str | None:
    """The first character that UTF-8 does not have or a terminal would obey; newline and tab are fine."""
    wrong = (
        c for c in text if (c < " " and c not in "\n\t") or "\x7f" <= c < "\xa0" or "\ud800" <= c <= "\udfff"
    )
    return next(wrong, None)


def ranked(labels: Sequence[Label]) -> list[Label]:
    """Best first: by score, those without one last; otherwise as they were given."""
    return sorted(labels, key=lambda label: (label.score is None, -(label.score or 0.0)))


def label_arrays(labels: Labels, n_latents: int) -> dict[str, Array]:
    """The arrays of the contract's LABELS."""
    best, table = np.full(n_latents, "", dtype=object), _empty(labels, n_latents)
    for index, said in labels.items():
        rows = [(each.text, each.source, _text(each.score)) for each in ranked(said)]
        best[index] = rows[0][0] if rows else ""
        table[index, : len(rows)] = np.array(rows, dtype=object).reshape(-1, len(LABEL_PARTS))
    return {"label": best, "labels": table}


def label_attribute(labels: Labels) -> dict[str, Any]:
    """A labelled group's attribute `labels`: by whom, how many latents, and at most how many each."""
    sources = sorted({label.source for said in labels.values() for label in said})
    return {
        "source": ", ".join(sources),
        "count": sum(bool(said) for said in labels.values()),
        "most": _most(labels),
    }


def label_sizes(attribute: Mapping[str, Any]) -> dict[str, int]:
    """Lengths of the axes of the array `labels`, from the group's attribute."""
    return {"label": int(attribute["most"]), "label_part": len(LABEL_PARTS)}


def read_row(row: Array) -> list[Label]:
    """The labels of one latent from its rows of the array `labels`, [label, label_part]."""
    return [Label(text, source, float(score) if score else None) for text, source, score in row if text]


def _most(labels: Labels) -> int:
    return max([1, *map(len, labels.values())])


def _empty(labels: Labels, n_latents: int) -> Array:
    return np.full((n_latents, _most(labels), len(LABEL_PARTS)), "", dtype=object)


def _text(score: float | None) -> str:
    """The shortest decimal number that reads back as the same float; empty for none."""
    return "" if score is None else repr(float(score))
