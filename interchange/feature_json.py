"""A file of JSON for each latent, named by Cantor's pairing of layer and index, as graph frontends read."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from pathlib import Path

from feature_atlas import Atlas, Dictionary
from interchange.features import cantor, feature
from interchange.names import layer_of, one_a_layer, slug
from interchange.rows import dump


def write(
    atlas: Atlas, dictionaries: Sequence[Dictionary], folder: Path, advance: Callable[[int], None]
) -> None:
    """Writes `features/<model>/<cantor>.json`."""
    one_a_layer([dictionary.record for dictionary in dictionaries], "feature-json")
    features = folder / "features" / slug(atlas.manifest.model.name)
    features.mkdir(parents=True)
    for dictionary in dictionaries:
        layer = layer_of(dictionary.record)
        for latents in dictionary.shards():
            for latent in latents:
                (features / f"{cantor(layer, latent.index)}.json").write_bytes(dump(feature(latent)))
            advance(len(latents))
