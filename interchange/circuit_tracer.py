"""circuit-tracer's packed features: a file of records for each layer, and an index of byte offsets."""

from __future__ import annotations

import itertools
import struct
import zlib
from collections.abc import Callable, Sequence
from pathlib import Path

from feature_atlas import Atlas, Dictionary
from interchange.features import feature
from interchange.names import layer_of, one_a_layer
from interchange.rows import LEVEL, dump

_WRAPPED = 31  # zlib's largest window inside gzip's header, whose time it sets to 0


def write(
    atlas: Atlas, dictionaries: Sequence[Dictionary], folder: Path, advance: Callable[[int], None]
) -> None:
    """Writes `features/index.json.gz` and `features/layer_<layer>.bin`.

    Latent f of a layer is at bytes [offsets[f], offsets[f + 1]) of its file: a little-endian u32
    with the length of what follows, and that many bytes of gzipped JSON.
    """
    one_a_layer([dictionary.record for dictionary in dictionaries], "circuit-tracer")
    features = folder / "features"
    features.mkdir()
    index: dict[str, dict[str, object]] = {}
    for dictionary in sorted(dictionaries, key=lambda each: layer_of(each.record)):
        layer = layer_of(dictionary.record)
        name = f"layer_{layer}.bin"
        index[str(layer)] = {"filename": name, "offsets": _write_layer(features / name, dictionary, advance)}
    (features / "index.json.gz").write_bytes(zlib.compress(dump(index), LEVEL, _WRAPPED))


def _write_layer(path: Path, dictionary: Dictionary, advance: Callable[[int], None]) -> list[int]:
    sizes: list[int] = []
    with path.open("wb") as file:
        for latents in dictionary.shards():
            for latent in latents:
                packed = zlib.compress(dump(feature(latent)), LEVEL, _WRAPPED)
                sizes.append(file.write(struct.pack("<I", len(packed)) + packed))
            advance(len(latents))
    return list(itertools.accumulate(sizes, initial=0))
