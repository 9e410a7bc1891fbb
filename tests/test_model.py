"""Activations at every hook point against a plain numpy forward of the weights."""

from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import numpy as np
import pytest
import torch

from feature_atlas.address import POINTS, HookPoint
from feature_atlas.errors import AddressError
from pipeline.core.embedded import embedded_root
from pipeline.core.model import SubjectModel
from pipeline.core.model_folder import ModelFolder
from tests.numpy_gpt2 import forward

DEMO = embedded_root() / "data" / "demo" / "lm"


@pytest.mark.parametrize("which", ["tiny", "demo"])
@pytest.mark.parametrize("point", POINTS)
def test_hook_point_equals_numpy(which: str, point: str, tiny_model: Path) -> None:
    folder = ModelFolder.resolve(str(tiny_model if which == "tiny" else DEMO))
    model = SubjectModel.load(folder)
    windows = np.random.default_rng(0).integers(0, folder.record.d_vocab, (3, folder.record.n_ctx))
    points = [HookPoint(point, layer) for layer in range(folder.record.n_layers)]
    got = model.activations(torch.from_numpy(windows), points)
    for number, window in enumerate(windows):
        expected = forward(folder.path, window)
        for each in points:
            want = expected[str(each)]
            error = np.abs(got[each][number].numpy() - want).max() / np.abs(want).max()
            assert error < 1e-5, f"{each}: relative error {error:.1e}"


@pytest.mark.parametrize("caught", [[], ["attn_pattern", "attn_v"]])
def test_attention_is_torchs_bit_for_bit(caught: list[str], tiny_model: Path) -> None:
    model = SubjectModel.load(ModelFolder.resolve(str(tiny_model)))
    windows = torch.arange(60).view(2, 30)
    streams = [HookPoint("resid_post", layer) for layer in range(model.n_layers)]
    tapped = model.activations(windows, [*streams, *(HookPoint(name, 0) for name in caught)])
    model.network.set_attn_implementation("sdpa")
    plain = model.activations(windows, streams)
    assert all(torch.equal(tapped[point], plain[point]) for point in streams)


def test_heads_add_up_to_attention(tiny_model: Path) -> None:
    model = SubjectModel.load(ModelFolder.resolve(str(tiny_model)))
    for layer in range(model.n_layers):
        names = ("ln1_out", "attn_v", "attn_pattern", "attn_z", "attn_out")
        points = [HookPoint(name, layer) for name in names]
        acts = model.activations(torch.arange(60).view(2, 30), points)
        x, v, pattern, z, out = (acts[point] for point in points)
        heads, bias = model.head_weights(layer), model.blocks[layer].attn.c_proj.bias.detach()
        assert heads.b_V is not None
        values = torch.einsum("wpd,hdk->whpk", x, heads.W_V) + heads.b_V[:, None]
        torch.testing.assert_close(values, v, rtol=1e-5, atol=1e-5)
        moved = pattern @ v
        torch.testing.assert_close(moved.transpose(1, 2).flatten(2), z, rtol=1e-5, atol=1e-5)
        torch.testing.assert_close((moved @ heads.W_O).sum(1) + bias, out, rtol=1e-5, atol=1e-5)


def test_a_cut_model_gives_the_same_activations(tiny_model: Path) -> None:
    folder = ModelFolder.resolve(str(tiny_model))
    windows, point = torch.arange(20)[None], HookPoint("mlp_post", 0)
    cut = SubjectModel.load(folder)
    cut.cut_after([point])
    whole = SubjectModel.load(folder)
    assert torch.equal(cut.activations(windows, [point])[point], whole.activations(windows, [point])[point])


def test_threads_that_read_at_once_do_not_mix(tiny_model: Path) -> None:
    folder = ModelFolder.resolve(str(tiny_model))
    model, point = SubjectModel.load(folder), HookPoint("mlp_post", 1)
    random = np.random.default_rng(0)
    windows = [torch.from_numpy(random.integers(0, folder.record.d_vocab, (2, 20))) for _ in range(40)]
    expected = [model.activations(each, [point])[point] for each in windows]
    with model.catching([point]) as read, ThreadPoolExecutor(4) as pool:
        for got, want in zip(pool.map(read, windows), expected, strict=True):
            assert torch.equal(got[point], want)


def test_a_layer_that_is_not_there_is_refused(tiny_model: Path) -> None:
    model = SubjectModel.load(ModelFolder.resolve(str(tiny_model)))
    with pytest.raises(AddressError, match=r"layers 0\.\.1"):
        model.activations(torch.zeros(1, 4, dtype=torch.int64), [HookPoint("resid_post", 2)])
