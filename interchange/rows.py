"""Rows of JSON, one a line, and the pieces of an atlas that files of them hold."""

from __future__ import annotations

import gzip
import json
from collections.abc import Iterable, Iterator, Mapping
from pathlib import Path
from typing import Any

from feature_atlas import Dictionary, Latent

LEVEL = 6


def dump(value: Any) -> bytes:
    """JSON as UTF-8, without spaces; numbers that are not finite are our own bug."""
    return json.dumps(value, ensure_ascii=False, allow_nan=False, separators=(",", ":")).encode()


def write_lines(path: Path, rows: Iterable[Mapping[str, Any]]) -> None:
    """Writes a `.jsonl` or, by its name, `.jsonl.gz` file; the same rows give the same bytes."""
    path.parent.mkdir(parents=True, exist_ok=True)
    with path.open("wb") as file:
        if path.suffix != ".gz":
            file.writelines(dump(row) + b"\n" for row in rows)
            return
        with gzip.GzipFile("", "wb", LEVEL, file, mtime=0) as packed:
            packed.writelines(dump(row) + b"\n" for row in rows)


def batches(dictionary: Dictionary, size: int) -> Iterator[list[Latent]]:
    """Every latent in order, `size` at a time, whatever the atlas' shards are."""
    held: list[Latent] = []
    for latents in dictionary.shards():
        held += latents
        while len(held) >= size:
            yield held[:size]
            held = held[size:]
    if held:
        yield held
