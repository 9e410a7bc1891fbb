"""An atlas to another tool's format: the formats, and what they share."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from pathlib import Path

from feature_atlas import Atlas, Dictionary
from feature_atlas.errors import InputError
from interchange import circuit_tracer, feature_json, labels, neuronpedia, parquet
from interchange.folder import filled

Advance = Callable[[int], None]  # told how many more latents are done
Write = Callable[[Atlas, Sequence[Dictionary], Path, Advance], None]

# Each fills a folder from some dictionaries of an atlas, a shard of latents at a time.
FORMATS: dict[str, Write] = {
    "neuronpedia": neuronpedia.write,
    "circuit-tracer": circuit_tracer.write,
    "feature-json": feature_json.write,
    "parquet": parquet.write,
    "labels": labels.write,
}


def choose(atlas: Atlas, ids: Sequence[str]) -> list[Dictionary]:
    """The dictionaries of these ids, in the atlas' order; all of them if no id is given."""
    chosen = {atlas.dictionary(name).record.id for name in ids}
    return [
        atlas.dictionary(record.id)
        for record in atlas.manifest.dictionaries
        if not ids or record.id in chosen
    ]


def export(atlas: Atlas, to: str, out: Path, dictionaries: Sequence[Dictionary], advance: Advance) -> None:
    """Writes the folder `out` whole, or leaves what was there.

    The same atlas gives the same bytes. Raises InputError if there is no such format, if `out` holds
    something else than an earlier export, or if the format can't hold these dictionaries.
    """
    if to not in FORMATS:
        raise InputError(f"--to {to} is no format; formats: {', '.join(FORMATS)}")
    told = {
        "to": to,
        "run": atlas.manifest.run,
        "dictionaries": [dictionary.record.id for dictionary in dictionaries],
    }
    with filled(out, told) as folder:
        FORMATS[to](atlas, dictionaries, folder, advance)
