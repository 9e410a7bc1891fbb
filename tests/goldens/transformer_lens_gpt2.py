"""Goldens of transformer-lens: every hook of a random GPT-2, raw, centred, and in its default form."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import torch
from transformer_lens import HookedTransformer
from transformer_lens import loading_from_pretrained as loading
from transformers import GPT2Config, GPT2LMHeadModel

from tests.goldens.common import fresh

FAMILY = "transformer_lens"
N_WINDOWS, LENGTH, VOCAB = 2, 6, 64
PROCESSING: dict[str, dict[str, bool]] = {
    "raw": {},
    "centred": {"center_writing_weights": True},
    "processed": {
        "fold_ln": True,
        "center_writing_weights": True,
        "center_unembed": True,
        "fold_value_biases": True,
    },
}
HOOKS = (
    "hook_resid_pre",
    "hook_resid_mid",
    "hook_resid_post",
    "hook_attn_out",
    "hook_mlp_out",
    "attn.hook_z",
    "attn.hook_v",
    "attn.hook_pattern",
    "mlp.hook_post",
    "ln1.hook_normalized",
    "ln2.hook_normalized",
)


def make() -> None:
    folder = fresh(FAMILY, "gpt2")
    model = random_gpt2()
    model.save_pretrained(folder / "model")
    loaded = GPT2LMHeadModel.from_pretrained(folder / "model")
    tokens = np.random.default_rng(700).integers(0, VOCAB, (N_WINDOWS, LENGTH))
    np.savez_compressed(folder / "tokens.npz", tokens=tokens)
    for name, flags in PROCESSING.items():
        arrays = activations(folder / "model", loaded, torch.from_numpy(tokens), flags)
        np.savez_compressed(folder / f"{name}.npz", **arrays)  # pyright: ignore[reportArgumentType]


@torch.no_grad()
def random_gpt2() -> GPT2LMHeadModel:
    """Two layers, two heads; gains far from 1, biases far from 0."""
    config = GPT2Config(
        n_layer=2,
        n_embd=16,
        n_head=2,
        vocab_size=VOCAB,
        n_positions=16,
        n_ctx=16,
        bos_token_id=0,
        eos_token_id=0,
    )
    model = GPT2LMHeadModel(config)
    rng = np.random.default_rng(701)
    for name, parameter in model.named_parameters():
        is_gain = name.split(".")[-2].startswith("ln_") and name.endswith("weight")
        mean, spread = (1.0, 0.4) if is_gain else (0.1, 0.4)
        parameter.copy_(torch.from_numpy(rng.normal(mean, spread, parameter.shape)))
    return model


def activations(
    folder: Path, model: GPT2LMHeadModel, tokens: torch.Tensor, flags: dict[str, bool]
) -> dict[str, Any]:
    """Each hook's values and the logits, float32 [window, position, ...].

    HookedTransformer.from_pretrained takes names it knows only; these are its steps for a folder.
    """
    cfg = loading.get_pretrained_model_config(
        str(folder), hf_cfg=model.config.to_dict(), fold_ln=flags.get("fold_ln", False), device="cpu"
    )
    cfg.tokenizer_name = None
    hooked = HookedTransformer(cfg)
    state = loading.get_pretrained_state_dict(str(folder), cfg, model)
    off = dict.fromkeys(PROCESSING["processed"], False)
    hooked.load_and_process_state_dict(state, **{**off, **flags})
    with torch.no_grad():
        logits, cache = hooked.run_with_cache(tokens)
    names = [f"blocks.{layer}.{hook}" for layer in range(2) for hook in HOOKS]
    values = {name: cache[name] for name in [*names, "ln_final.hook_normalized"]}
    return {name: value.numpy() for name, value in {**values, "logits": logits}.items()}
