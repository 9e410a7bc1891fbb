"""fp16 files in the layouts that are widely read: Hugging Face's and, of the SAEs, SAELens'."""

from __future__ import annotations

import json
import shutil
from pathlib import Path
from typing import Any

import torch
from sae import TopK
from safetensors.torch import save_file
from torch import Tensor
from transformers import GPT2LMHeadModel

NAME = "feature-atlas-demo"
_CONFIG = (
    "activation_function",
    "attn_pdrop",
    "bos_token_id",
    "dtype",
    "embd_pdrop",
    "eos_token_id",
    "initializer_range",
    "layer_norm_epsilon",
    "model_type",
    "n_embd",
    "n_head",
    "n_inner",
    "n_layer",
    "n_positions",
    "resid_pdrop",
    "scale_attn_weights",
    "tie_word_embeddings",
    "vocab_size",
)


def export_lm(model: GPT2LMHeadModel, work: Path, folder: Path) -> None:
    """config.json, model.safetensors in fp16, and the tokenizer."""
    folder.mkdir(parents=True, exist_ok=True)
    config = model.config.to_dict() | {"activation_function": "gelu_new", "dtype": "float16"}
    chosen = {key: config[key] for key in _CONFIG if key in config} | {"_name_or_path": NAME}
    chosen |= {"architectures": ["GPT2LMHeadModel"]}
    (folder / "config.json").write_text(json.dumps(chosen, indent=1, sort_keys=True) + "\n")
    weights = {name: _half(value) for name, value in model.state_dict().items()}
    del weights["lm_head.weight"]  # tied to the embedding
    _save(weights, folder / "model.safetensors")
    for name in ("tokenizer.json", "tokenizer_config.json"):
        shutil.copyfile(work / name, folder / name)


def export_sae(sae: TopK, layer: int, recipe: dict[str, Any], folder: Path) -> None:
    """cfg.json and sae_weights.safetensors, for activations as the model has them.

    Trained on x / s with acts a; with both biases times s, acts are s a and the reconstruction is
    s times the trained one, while W_enc stays as it is and W_dec's rows keep norm 1.
    """
    folder.mkdir(parents=True, exist_ok=True)
    arrays = {
        "W_enc": sae.W_enc,
        "W_dec": sae.W_dec,
        "b_enc": sae.b_enc * sae.scale,
        "b_dec": sae.b_dec * sae.scale,
    }
    halves = {name: _half(value) for name, value in arrays.items()}
    _save(halves, folder / "sae_weights.safetensors")
    config = {
        "architecture": "topk",
        "d_in": recipe["model"]["n_embd"],
        "d_sae": len(sae.b_enc),
        "k": sae.k,
        "dtype": "float16",
        "device": "cpu",
        "apply_b_dec_to_input": True,
        "normalize_activations": "none",
        "reshape_activations": "none",
        "rescale_acts_by_decoder_norm": False,
        "metadata": {
            "model_name": NAME,
            "hook_name": f"blocks.{layer}.hook_resid_post",
            "context_size": recipe["model"]["n_positions"],
            "prepend_bos": True,
            "dataset_path": "see data/demo/README.md",
            "sae_lens_version": "6.18.0",
        },
    }
    (folder / "cfg.json").write_text(json.dumps(config, indent=1) + "\n")


def _half(value: Tensor) -> Tensor:
    return value.detach().to(torch.float16).contiguous()


def _save(arrays: dict[str, Tensor], path: Path) -> None:
    save_file(arrays, path, metadata={"format": "pt"})
    path.chmod(0o644)  # safetensors makes files that only their owner can read, and these go into a wheel
