"""One dictionary's group, from its parts. Needs no torch, so that the processes that do it start at once."""

from __future__ import annotations

import multiprocessing.connection
import os
import threading
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

from feature_atlas.contract import DICTIONARY, FLOATS, INTS, LABELS, columns, dictionary_sizes, sections
from feature_atlas.store import create_group
from pipeline.core.brought import Labels
from pipeline.core.cards import dictionary_arrays
from pipeline.core.files import load_arrays, write_once
from pipeline.core.windows import Windows, load_corpus


@dataclass(frozen=True)
class Part:
    """One dictionary's part of the work, small enough to hand to another process."""

    id: str
    n_latents: int
    two_signed: bool
    writes: bool
    d_vocab: int
    min_count: int
    ctx: int
    bos: int | None
    labels: Labels | None
    work: Path
    run: Path


def end_with_parent() -> None:
    """Ends this process when its parent is killed: left alone, it would write into the next build.

    Also if that happened while this process was starting: its first part is waiting for it already.
    """
    parent = multiprocessing.parent_process()
    assert parent is not None

    def watch(seconds: float | None = None) -> None:
        if multiprocessing.connection.wait([parent.sentinel], seconds):
            os._exit(1)

    watch(0)
    threading.Thread(target=watch, daemon=True).start()


def write_dictionary(part: Part) -> Part:
    """Writes one dictionary's group, whole or not at all."""
    write_once(part.run / "dictionaries" / f"{part.id}.zarr", lambda into: _write_dictionary(into, part))
    return part


def _write_dictionary(into: Path, part: Part) -> None:
    windows = Windows(load_corpus(part.work / "tokens"), part.ctx, part.bos)
    scan = load_arrays(part.work / "scan" / f"{part.id}.npz")
    described = load_arrays(part.work / "describe" / f"{part.id}.npz")
    arrays = dictionary_arrays(scan, described, windows, part.two_signed, part.min_count)
    n_top = scan["top/key"].shape[1]
    sizes = dictionary_sizes(part.n_latents, n_top, part.two_signed)
    attributes: dict[str, Any] = {
        "sizes": sizes,
        "sections": sections(n_top, part.two_signed),
        "fields": {"floats": columns(FLOATS, sizes), "ints": columns(INTS, sizes)},
        "writes": part.writes,
    }
    specs = DICTIONARY
    if part.labels is not None:
        specs = (*DICTIONARY, *LABELS)
        texts = [part.labels.labels.get(index, "") for index in range(part.n_latents)]
        arrays["label"] = np.array(texts, dtype=object)
        attributes["labels"] = {"source": part.labels.source, "count": len(part.labels.labels)}
    create_group(into, specs, arrays, attributes, d_vocab=part.d_vocab, two_signed=part.two_signed)
