"""An atlas to another tool's format: the formats, and what they share."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from feature_atlas import Atlas, Dictionary, Heads
from feature_atlas.errors import InputError
from interchange import circuit_tracer, feature_json, headvis, labels, neuronpedia, parquet
from interchange.folder import filled

Advance = Callable[[int], None]  # told how many more units are done
Units = Dictionary | Heads


@dataclass(frozen=True)
class Format:
    """Fills a folder from some dictionaries of an atlas, or some layers' heads, a shard at a time."""

    write: Callable[[Atlas, Sequence[Any], Path, Advance], None]
    of_heads: bool = False


FORMATS = {
    "neuronpedia": Format(neuronpedia.write),
    "circuit-tracer": Format(circuit_tracer.write),
    "feature-json": Format(feature_json.write),
    "headvis": Format(headvis.write, of_heads=True),
    "parquet": Format(parquet.write),
    "labels": Format(labels.write),
}


def choose(atlas: Atlas, to: str, ids: Sequence[str]) -> Sequence[Units]:
    """The dictionaries (or layers' heads, as the format needs) of these ids, in the atlas' order.

    All of them if no id is given. Raises InputError if there is no such format, or the atlas has nothing
    for it.
    """
    if to not in FORMATS:
        raise InputError(f"--to {to} is no format; formats: {', '.join(FORMATS)}")
    of_heads = FORMATS[to].of_heads
    opened: Callable[[str], Units] = atlas.heads if of_heads else atlas.dictionary
    records = atlas.manifest.heads if of_heads else atlas.manifest.dictionaries
    chosen = {opened(name).record.id for name in ids}
    if not records:
        raise InputError(f"{atlas.url} has no {'heads' if of_heads else 'dictionaries'} to give to {to}")
    return [opened(record.id) for record in records if not ids or record.id in chosen]


def export(atlas: Atlas, to: str, out: Path, units: Sequence[Units], advance: Advance) -> None:
    """Writes the folder `out` whole, or leaves what was there; `units` as `choose` gave them.

    The same atlas gives the same bytes. Raises InputError if `out` holds something else than an
    earlier export, or if the format can't hold these units together.
    """
    told = {"to": to, "run": atlas.manifest.run, "dictionaries": [each.record.id for each in units]}
    with filled(out, told) as folder:
        FORMATS[to].write(atlas, units, folder, advance)
