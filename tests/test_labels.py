"""Labels that a dictionary's folder brings: stored, read, shown, and bound to its weights."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from feature_atlas import open_atlas
from feature_atlas.errors import InputError
from feature_atlas.verify import verify
from pipeline.build import build
from pipeline.core.brought import read_labels
from pipeline.core.files import file_digest
from pipeline.core.params import Params
from tests import tiny

TEXT = "articles before <b>nouns</b> & \u202enames"


def write_labels(folder: Path, labels: dict[str, str], weights: str | None = None) -> None:
    weights = weights or file_digest(folder / "sae_weights.safetensors")
    told = {"weights": weights, "source": "a reader", "labels": labels}
    (folder / "labels.json").write_text(json.dumps(told))


def test_they_are_stored_and_read(tiny_params: Params, tmp_path: Path) -> None:
    folder, out = tiny.write_dictionary(tmp_path / "sae"), tmp_path / "atlas"
    params = tiny_params.model_copy(update={"dictionaries": {"d": f"{folder}@resid_post.1"}})
    build(params, out)
    assert open_atlas(str(out))["d"].label_source is None
    assert open_atlas(str(out))["d"][3].to_json()["label"] is None
    write_labels(folder, {"3": TEXT})
    build(params, out)
    atlas = open_atlas(str(out))
    assert atlas["d"][3].label == TEXT
    assert atlas["d"][3].to_json()["label"] == {"text": TEXT, "source": "a reader"}
    assert atlas["d"][4].label == ""
    assert atlas["mlp_post.0"][0].label == ""
    assert not list(verify(atlas))


def test_those_of_other_weights_or_latents_are_refused(tmp_path: Path) -> None:
    folder = tiny.write_dictionary(tmp_path)
    weights = file_digest(folder / "sae_weights.safetensors")
    write_labels(folder, {"40": TEXT})
    with pytest.raises(InputError, match=r"label for latent 40, but there are latents 0\.\.39"):
        read_labels(folder, weights, tiny.N_LATENTS)
    write_labels(folder, {"0": TEXT}, weights="0" * 64)
    with pytest.raises(InputError, match="speaks of weights 000000000000"):
        read_labels(folder, weights, tiny.N_LATENTS)
    write_labels(folder, {"0": "\x1b[2J"})
    with pytest.raises(InputError, match=r"control character '\\x1b'"):
        read_labels(folder, weights, tiny.N_LATENTS)
    (folder / "labels.json").write_text("[]")
    with pytest.raises(InputError, match=r"labels\.json"):
        read_labels(folder, weights, tiny.N_LATENTS)
