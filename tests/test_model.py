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
    model = SubjectModel.load(folder, attention="eager")
    windows = np.random.default_rng(0).integers(0, folder.record.d_vocab, (3, folder.record.n_ctx))
    points = [HookPoint(point, layer) for layer in range(folder.record.n_layers)]
    got = model.activations(torch.from_numpy(windows), points)
    for number, window in enumerate(windows):
        expected = forward(folder.path, window)
        for each in points:
            want = expected[str(each)]
            error = np.abs(got[each][number].numpy() - want).max() / np.abs(want).max()
            assert error < 1e-5, f"{each}: relative error {error:.1e}"


def test_both_attention_kernels_agree(tiny_model: Path) -> None:
    folder = ModelFolder.resolve(str(tiny_model))
    windows = torch.arange(20)[None] % folder.record.d_vocab
    point = HookPoint("resid_post", 1)
    eager = SubjectModel.load(folder, attention="eager").activations(windows, [point])[point]
    fused = SubjectModel.load(folder).activations(windows, [point])[point]
    torch.testing.assert_close(eager, fused, rtol=1e-5, atol=1e-5)


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
