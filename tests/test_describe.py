"""Logit effects and neighbours against numpy, from the weights files."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
import torch
from safetensors.numpy import load_file

from feature_atlas import open_atlas
from feature_atlas.contract import N_EFFECT_BINS
from pipeline.core.logits import histogram


@pytest.mark.parametrize("name", ["mlp_post.0", "mlp_post.1", "tiny-sae"])
def test_effects_and_neighbours_equal_numpy(
    name: str, tiny_atlas: Path, tiny_model: Path, tiny_dictionary: Path
) -> None:
    weights = load_file(tiny_model / "model.safetensors")
    get = {key.removeprefix("transformer."): value for key, value in weights.items()}
    if name == "tiny-sae":
        writes = load_file(tiny_dictionary / "sae_weights.safetensors")["W_dec"]
    else:
        writes = get[f"h.{name[-1]}.mlp.c_proj.weight"]
    effects = (writes * get["ln_f.weight"]).astype(np.float64) @ get["wte.weight"].T
    effects -= effects.mean(axis=1, keepdims=True)
    unit = writes / np.linalg.norm(writes, axis=1, keepdims=True)
    cosine = unit @ unit.T
    dictionary = open_atlas(str(tiny_atlas))[name]
    for index in range(len(dictionary)):
        shown = dictionary[index].to_json()
        for side, sign in (("promoted", 1), ("suppressed", -1)):
            order = np.argsort(-sign * effects[index], kind="stable")[:10]
            values = [row["value"] for row in shown[side]]
            assert values == pytest.approx(effects[index][order].tolist(), rel=1e-4, abs=1e-5)
            assert [effects[index][row["token_id"]] for row in shown[side]] == pytest.approx(values, abs=1e-5)
        told = shown["effect_histogram"]
        counts, _ = np.histogram(effects[index], bins=50)
        assert sum(told["counts"]) == counts.sum()
        # float32 may put an effect that lies at an edge into the bin beside
        assert np.abs(np.cumsum(told["counts"]) - np.cumsum(counts)).max() <= 1
        assert (told["low"], told["high"]) == pytest.approx(
            (effects[index].min(), effects[index].max()), rel=1e-4
        )
        others = np.delete(np.arange(len(unit)), index)
        nearest = np.sort(cosine[index][others])[::-1][:10]
        assert [row["cosine"] for row in shown["neighbours"]] == pytest.approx(nearest.tolist(), abs=1e-5)
        for row in shown["neighbours"]:
            assert cosine[index][int(row["address"].split("/")[1])] == pytest.approx(row["cosine"], abs=1e-5)


def test_effects_that_are_all_equal_have_no_histogram() -> None:
    assert not histogram(torch.full((400,), 0.25)).any()
    assert histogram(torch.linspace(-1, 1, 100)).tolist() == [2] * N_EFFECT_BINS
