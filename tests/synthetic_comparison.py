"""A comparison made straight from its format: what the site's tests look at, without a model."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np

from feature_atlas import Atlas
from feature_atlas.comparison import (
    COMPARISON,
    FORMAT,
    FORMAT_VERSION,
    KINDS,
    MANIFEST,
    ComparisonRecord,
    PairRecord,
    ReadRecord,
    SideRecord,
)
from feature_atlas.store import create_group
from feature_atlas.verify import list_files

Arrays = dict[str, np.ndarray[Any, Any]]


def write_comparison(
    folder: Path, a: Atlas, b: Atlas, names: tuple[str, str], correlated: bool = True
) -> Path:
    """Made-up likenesses of two dictionaries; every third latent of A has no correlation."""
    left, right = a.dictionary(names[0]).record, b.dictionary(names[1]).record
    draw = np.random.default_rng(0)
    arrays: Arrays = {}
    for side, n, other in (("a", left.n_latents, right.n_latents), ("b", right.n_latents, left.n_latents)):
        correlation = draw.uniform(-0.2, 1, n) if correlated else np.full(n, np.nan)
        correlation[::3] = np.nan
        arrays |= {
            f"{side}/kind": draw.integers(0, 5, n),
            f"{side}/nearest": draw.integers(0, other, n),
            f"{side}/cosine": draw.uniform(0.1, 1, n),
            f"{side}/correlation": correlation,
            f"{side}/correlated": draw.integers(0, other, n),
            f"{side}/highest": np.maximum(correlation, draw.uniform(0, 1, n)),
        }
    store = f"pairs/{left.id}~{right.id}.zarr"
    create_group(folder / store, COMPARISON, arrays, {})
    counts = {
        side: dict(zip(KINDS[side], np.bincount(arrays[f"{side}/kind"], minlength=5).tolist(), strict=True))
        for side in ("a", "b")
    }
    pair = PairRecord(
        a=left,
        b=right,
        store=store,
        kinds_a=counts["a"],
        kinds_b=counts["b"],
        mmcs_a=float(arrays["a/cosine"].mean()),
        mmcs_b=float(arrays["b/cosine"].mean()),
    )
    record = ComparisonRecord(
        format=FORMAT,
        format_version=FORMAT_VERSION,
        key="0123456789abcdef" * 4,
        created="2026-01-01T00:00:00+00:00",
        threshold=0.7,
        a=_side(a),
        b=_side(b),
        read=ReadRecord(sources=("made up",), counted_tokens=1000) if correlated else None,
        pairs=(pair,),
        files=list_files(folder),
    )
    (folder / MANIFEST).write_text(record.model_dump_json(indent=2))
    return folder


def _side(atlas: Atlas) -> SideRecord:
    told = atlas.manifest
    return SideRecord(title=told.title, runs=(told.run,), model=told.model.name, weights=told.model.weights)
