"""Processing done to activations against the same done to the weights, as its definitions say."""

from __future__ import annotations

from itertools import product
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from torch import Tensor
from transformers import GPT2LMHeadModel

from feature_atlas.address import POINTS, HookPoint
from feature_atlas.errors import InputError
from pipeline.core.architectures import FAMILIES
from pipeline.core.model import SubjectModel
from pipeline.core.model_folder import ModelFolder
from pipeline.core.processing import Processing
from tests import tiny
from tests.families import write_family
from tests.goldens.common import GOLDENS

PARTS = ("centre_writes", "fold_norms", "fold_value_biases")
WINDOWS = torch.randint(0, tiny.D_VOCAB, (2, 20), generator=torch.Generator().manual_seed(0))


def processed(folder: Path, processing: Processing) -> SubjectModel:
    """The GPT-2 with its weights rewritten: float64, so that only activations are rounded."""
    model: Any = GPT2LMHeadModel.from_pretrained(folder).double()
    with torch.no_grad():
        for block in model.transformer.h:
            if processing.fold_norms:
                _fold(block.ln_1, block.attn.c_attn)
                _fold(block.ln_2, block.mlp.c_fc)
            if processing.fold_value_biases:
                values = block.attn.c_attn.bias[-tiny.D_MODEL :]
                block.attn.c_proj.bias += values @ block.attn.c_proj.weight
                values.zero_()
            if processing.centre_writes:
                for written in (block.attn.c_proj, block.mlp.c_proj):
                    _centre(written.weight)
                    _centre(written.bias)
        if processing.centre_writes:
            _centre(model.transformer.wte.weight)
            _centre(model.transformer.wpe.weight)
    return SubjectModel(model)


def _fold(norm: Any, read: Any) -> None:
    read.bias += norm.bias @ read.weight
    read.weight *= norm.weight[:, None]
    norm.weight.fill_(1)
    norm.bias.zero_()


def _centre(written: Tensor) -> None:
    written -= written.mean(-1, keepdim=True)


@pytest.mark.parametrize("flags", list(product((False, True), repeat=3)))
def test_it_is_what_processed_weights_give(flags: tuple[bool, bool, bool], tmp_path: Path) -> None:
    folder, processing = write_family(tmp_path, "gpt2"), Processing(*flags)
    model, other = SubjectModel.load(ModelFolder.resolve(str(folder))), processed(folder, processing)
    for point in (HookPoint(name, layer) for name in POINTS for layer in range(2)):
        at = processing.caught_at(point, model.shape)
        got = processing.apply(point, model.activations(WINDOWS, [at])[at], model)
        want = other.activations(WINDOWS, [point])[point]
        torch.testing.assert_close(got, want, rtol=1e-5, atol=1e-5 * want.abs().max().item())


def test_a_gain_of_nothing_is_no_trouble(tmp_path: Path) -> None:
    model = SubjectModel.load(ModelFolder.resolve(str(write_family(tmp_path, "gpt2"))))
    with torch.no_grad():
        model.blocks[1].ln_2.weight[:5] = 0
    processing, point = Processing(False, True, False), HookPoint("ln2_out", 1)
    at = processing.caught_at(point, model.shape)
    got = processing.apply(point, model.activations(WINDOWS, [at])[at], model)
    assert at == HookPoint("resid_mid", 1) and torch.isfinite(got).all()
    torch.testing.assert_close(got.var(-1, unbiased=False), torch.ones(2, 20), rtol=1e-3, atol=1e-3)


GOLDEN = GOLDENS / "transformer_lens" / "gpt2"
HOOKS = {
    **{point: f"hook_{point}" for point in ("resid_pre", "resid_mid", "resid_post", "attn_out", "mlp_out")},
    **{f"attn_{part}": f"attn.hook_{part}" for part in ("z", "v", "pattern")},
    **{"mlp_post": "mlp.hook_post", "ln1_out": "ln1.hook_normalized", "ln2_out": "ln2.hook_normalized"},
}


@pytest.mark.parametrize("point", POINTS)
@pytest.mark.parametrize(("file", "parts"), [("raw", ()), ("centred", PARTS[:1]), ("processed", PARTS)])
def test_transformer_lens_says_the_same(file: str, parts: tuple[str, ...], point: str) -> None:
    """Of a GPT-2 whose norms, biases and means are far from trivial, by TransformerLens itself."""
    model = SubjectModel.load(ModelFolder.resolve(str(GOLDEN / "model")))
    processing, told = Processing.of(parts), HookPoint(point, 1)
    at = processing.caught_at(told, model.shape)
    tokens = torch.from_numpy(np.load(GOLDEN / "tokens.npz")["tokens"]).long()
    got = processing.apply(told, model.activations(tokens, [at])[at], model).numpy()
    expected = np.load(GOLDEN / f"{file}.npz")[f"blocks.1.{HOOKS[point]}"]
    if point == "attn_z":
        expected = expected.reshape(got.shape)
    if point == "attn_v":
        expected = expected.transpose(0, 2, 1, 3)
    np.testing.assert_allclose(got, expected, rtol=1e-5, atol=1e-5 * np.abs(expected).max())


@pytest.mark.parametrize(
    ("name", "point", "caught"),
    [
        ("pythia", "ln1_out", "resid_pre"),
        ("pythia", "ln2_out", "resid_pre"),
        ("neox-sequential", "ln2_out", "resid_mid"),
        ("llama", "ln2_out", "resid_mid"),
    ],
)
def test_folded_norms_are_those_of_what_they_read(name: str, point: str, caught: str, tmp_path: Path) -> None:
    model = SubjectModel.load(ModelFolder.resolve(str(write_family(tmp_path, name))))
    processing, at, told = Processing(False, True, True), HookPoint(caught, 1), HookPoint(point, 1)
    assert processing.caught_at(told, model.shape) == at
    acts = model.activations(WINDOWS, [at, told])
    norm = model.norms(1)[0 if point == "ln1_out" else 1]
    got = processing.apply(told, acts[at], model) * norm.gain + (0 if norm.bias is None else norm.bias)
    torch.testing.assert_close(got, acts[told], rtol=1e-5, atol=1e-5)


def test_models_whose_norms_read_the_mean_are_not_centred(tmp_path: Path) -> None:
    with pytest.raises(InputError, match="LlamaForCausalLM.*RMSNorm"):
        Processing(True, False, False).check(FAMILIES["llama"])
    model = SubjectModel.load(ModelFolder.resolve(str(write_family(tmp_path, "llama"))))
    point = HookPoint("attn_z", 0)
    acts = model.activations(WINDOWS, [point])[point]
    assert torch.equal(Processing(False, True, True).apply(point, acts, model), acts)
