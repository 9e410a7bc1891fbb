"""Which heads write the latents of an attention output, against sums over all positions."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
import torch

from feature_atlas import open_atlas
from pipeline.build import build
from pipeline.core.dictionary_spec import DictionaryParams
from pipeline.core.params import Params, ScanParams
from pipeline.core.windows import Windows, load_corpus
from tests import tiny
from tests.numpy_gpt2 import forward

PLACES = {
    "z": ("attn_z.1", "none", "none"),
    "z_normed": ("attn_z.1", "layer_norm", "none"),
    "z_processed": ("attn_z.0", "none", "transformer_lens"),
    "out": ("attn_out.1", "none", "none"),
    "out_normed": ("attn_out.0", "constant_norm_rescale", "none"),
    "out_centred": ("attn_out.1", "none", "centred"),
}
D_HEAD = tiny.D_MODEL // tiny.N_HEADS


def test_parts_of_heads_equal_brute_force(tiny_model: Path, tiny_text: Path, tmp_path: Path) -> None:
    """Parts are differences: how far h falls, on average over firings, when a head's z is made 0."""
    given: dict[str, DictionaryParams] = {}
    for name, (point, norm, processing) in PLACES.items():
        folder = tiny.write_dictionary(tmp_path / name, architecture="standard", normalize_activations=norm)
        given[name] = DictionaryParams(path=str(folder), hook_in=point, processing=processing)  # type: ignore[arg-type]
    params = Params(
        model=str(tiny_model),
        corpus=[str(tiny_text)],
        dictionaries=given,
        neurons=False,
        ctx=tiny.CTX,
        scan=ScanParams(batch=4, cofiring_tokens=200, unit_tokens=1000),  # five units
    )
    out = tmp_path / "atlas"
    build(params, out)
    atlas = open_atlas(str(out))
    (batch,) = Windows(load_corpus(tmp_path / "atlas.work" / "tokens"), tiny.CTX, 0).batches(1000)
    found = [forward(tiny_model, window) for window in batch.windows]
    for name, (point, norm, processing) in PLACES.items():
        layer = point[-1]
        z, a = (
            np.concatenate([f[f"{p}.{layer}"][c] for f, c in zip(found, batch.counted, strict=True)])
            for p in ("attn_z", "attn_out")
        )
        x = z if point.startswith("attn_z") else a
        dictionary = tiny.load(given[name])
        assert dictionary.W_enc is not None and dictionary.b_pre is not None
        W = dictionary.W_enc.numpy().astype(np.float64)
        bias, b_pre = dictionary.bias.numpy(), dictionary.b_pre.numpy()
        if processing == "transformer_lens":
            x = x - value_bias(tiny_model, layer)
        if processing == "centred":
            x = x - x.mean(1, keepdims=True)
        scale = np.ones((len(x), 1))
        mean = np.zeros((len(x), 1))
        if norm == "layer_norm":
            mean, scale = x.mean(1, keepdims=True), x.std(1, keepdims=True, ddof=1) + 1e-5
        if norm == "constant_norm_rescale":
            scale = np.linalg.norm(x, axis=1, keepdims=True) / tiny.D_MODEL**0.5
        fires = ((x - mean) / scale - b_pre) @ W + bias > 0
        expected = np.zeros((tiny.N_LATENTS, tiny.N_HEADS))
        for head in range(tiny.N_HEADS):
            part = written(tiny_model, z if point.startswith("attn_out") else x, head, point)
            if norm == "layer_norm" or processing == "centred":
                part = part - part.mean(1, keepdims=True)
            expected[:, head] = np.where(fires, part / scale @ W, 0).sum(0) / np.maximum(fires.sum(0), 1)
        opened = atlas.dictionary(name)
        assert opened.heads == f"attn.{layer}"
        got = np.stack([opened[index].floats["head_part"] for index in range(tiny.N_LATENTS)])
        np.testing.assert_allclose(got, expected, rtol=1e-3, atol=1e-5, err_msg=name)
        assert fires.any(0).sum() > 10
        told = opened[int(fires.sum(0).argmax())].to_json()["heads"]
        assert [row["part"] for row in told] == sorted((row["part"] for row in told), reverse=True)
        assert {row["address"] for row in told} == {f"attn.{layer}/{head}" for head in range(tiny.N_HEADS)}


def written(model: Path, z: np.ndarray, head: int, point: str) -> np.ndarray:
    """What one head alone puts where the dictionary reads."""
    alone = np.zeros_like(z)
    alone[:, head * D_HEAD : (head + 1) * D_HEAD] = z[:, head * D_HEAD : (head + 1) * D_HEAD]
    return alone if point.startswith("attn_z") else alone @ weights(model, point[-1], "attn.c_proj.weight")


def value_bias(model: Path, layer: str) -> np.ndarray:
    """b_V once the norm's bias is folded into it."""
    W, b = (weights(model, layer, f"attn.c_attn.{part}") for part in ("weight", "bias"))
    return b[-tiny.D_MODEL :] + weights(model, layer, "ln_1.bias") @ W[:, -tiny.D_MODEL :]


def weights(model: Path, layer: str, name: str) -> np.ndarray:
    from safetensors.numpy import load_file

    return load_file(model / "model.safetensors")[f"transformer.h.{layer}.{name}"].astype(np.float64)


def test_other_dictionaries_have_none(tiny_atlas: Path) -> None:
    latent = open_atlas(str(tiny_atlas)).dictionary("tiny-sae")[0]
    assert latent.dictionary.heads is None
    assert latent.to_json()["heads"] == []


@pytest.mark.parametrize("n", [1, 7])
def test_they_merge(n: int) -> None:
    from pipeline.core.accumulate.head_parts import HeadParts

    directions = torch.randn(n, 2, 3).numpy()
    one, other = HeadParts(directions), HeadParts(directions)
    one.sums += 1
    other.sums += 2
    one.merge(other)
    assert (one.state()["sums"] == 3).all()
