"""Tables of latents and of examples, a Parquet file of each for every dictionary."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from pathlib import Path
from typing import Any

from feature_atlas import Atlas, Dictionary, Example, Latent
from interchange.arrow import Kind, table
from interchange.rows import batches

GROUP = 64  # latents whose rows are held at once: 512 of the demo's would take 200 MB more

Row = dict[str, Any]

_EFFECTS: Kind = [{"token": "text", "token_id": "int", "value": "float"}]

# The columns of `latents/` are the keys of Latent.summary.
LATENTS: dict[str, Kind] = {
    "address": "text",
    "dictionary": "text",
    "index": "int",
    "hook_point": "text",
    "label": {"text": "text", "source": "text"},
    "labels": [{"text": "text", "source": "text", "score": "float"}],
    "density": "float",
    "firings": "int",
    "counted_tokens": "int",
    "max_activation": "float",
    "min_activation": "float",
    "mean_activation": "float",
    "mean_when_firing": "float",
    "moments": dict.fromkeys(("mean", "variance", "skew", "kurtosis"), "float"),
    "concentration": "float",
    "histogram": {"edges": ["float"], "counts": ["int"], "underflow": "int", "overflow": "int"},
    "fires_on": [
        {
            "token": "text",
            "token_id": "int",
            "p_fire_given_token": "float",
            "mean_activation": "float",
            "share_of_firings": "float",
            "share_of_mass": "float",
            "count": "int",
        }
    ],
    "fires_on_missed": "float",
    "promoted": _EFFECTS,
    "suppressed": _EFFECTS,
    "effect_histogram": {"low": "float", "high": "float", "counts": ["int"]},
    "neighbours": [{"address": "text", "cosine": "float"}],
    "cofiring": [{"address": "text", "cosine": "float", "count": "int"}],
    "heads": [{"address": "text", "part": "float"}],
    "encoder_neighbours": [{"address": "text", "cosine": "float"}],
    "upstream": [{"address": "text", "cosine": "float", "weight": "float"}],
    "downstream": [{"address": "text", "cosine": "float", "weight": "float"}],
    "writers": [{"address": "text", "norm": "float"}],
}

# Those of `examples/`: which latent's, which of its samples, and the fields of Example.
EXAMPLES: dict[str, Kind] = {
    "address": "text",
    "section": "text",
    "band_low": "float",
    "band_high": "float",
    "document": "int",
    "document_id": "text",
    "position": "int",
    "activation": "float",
    "peak": "int",
    "token_ids": ["int"],
    "tokens": ["text"],
    "activations": ["float"],
}


def write(
    atlas: Atlas, dictionaries: Sequence[Dictionary], folder: Path, advance: Callable[[int], None]
) -> None:
    """Writes `latents/<id>.parquet` and `examples/<id>.parquet`, a row group for every GROUP latents."""
    for dictionary in dictionaries:
        name = f"{dictionary.record.id}.parquet"
        with (
            table(folder / "latents" / name, LATENTS) as add_latents,
            table(folder / "examples" / name, EXAMPLES) as add_examples,
        ):
            for latents in batches(dictionary, GROUP):
                add_latents([latent.summary() for latent in latents])
                add_examples([row for latent in latents for row in example_rows(latent)])
                advance(len(latents))


def example_rows(latent: Latent) -> Iterator[Row]:
    """`section` is top, bottom, band or random; only a band's have its edges."""
    for section in ("top", "bottom", "random"):
        for example in latent.examples(section):
            yield _row(latent, section, example)
    for band, examples in zip(latent.band_ranges(), latent.band_examples(), strict=True):
        for example in examples:
            yield _row(latent, "band", example) | {"band_low": band["low"], "band_high": band["high"]}


def _row(latent: Latent, section: str, example: Example) -> Row:
    return {"address": latent.address, "section": section, **vars(example)}
