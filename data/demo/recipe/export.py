"""fp16 files in the layouts that are widely read: Hugging Face's and, of the SAEs, SAELens'."""

from __future__ import annotations

import json
import shutil
from pathlib import Path
from typing import Any

import torch
from latents import Latents, Place
from safetensors.torch import save_file
from torch import Tensor
from transformers import GPT2LMHeadModel

NAME = "feature-atlas-demo"
WEIGHTS = "sae_weights.safetensors"
# Hook points in TransformerLens' words, of a model loaded without processing.
_HOOKS = {
    "resid_post": "blocks.{}.hook_resid_post",
    "attn_out": "blocks.{}.hook_attn_out",
    "mlp_out": "blocks.{}.hook_mlp_out",
    "ln2_out": "blocks.{}.ln2.hook_normalized",
}
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


def export_dictionary(place: Place, latents: Latents, recipe: dict[str, Any], folder: Path) -> None:
    """cfg.json and sae_weights.safetensors, for activations as the model has them.

    Trained on x / s_in and y / s_out with acts a. With W_enc times s_out / s_in, and both biases
    and the threshold times s_out, acts are s_out a and y_hat is s_out times the trained one, while
    W_dec's rows keep norm 1. BatchTopK ships as SAELens ships it: as JumpReLU, one threshold for all.
    """
    folder.mkdir(parents=True, exist_ok=True)
    scale = latents.scale_out
    arrays = {
        "W_enc": latents.W_enc * scale / latents.scale_in,
        "W_dec": latents.W_dec,
        "b_enc": latents.b_enc * scale,
        "b_dec": latents.b_dec * scale,
        "threshold": (latents.threshold * scale).expand(len(latents.b_enc)),
    }
    halves = {name: _half(value) for name, value in arrays.items()}
    _save(halves, folder / WEIGHTS)
    (folder / "cfg.json").write_text(json.dumps(_saelens_config(place, latents, recipe), indent=1) + "\n")


def _saelens_config(place: Place, latents: Latents, recipe: dict[str, Any]) -> dict[str, Any]:
    metadata = {
        "model_name": NAME,
        "hook_name": _HOOKS[place.hook_in.point].format(place.hook_in.layer),
        "context_size": recipe["model"]["n_positions"],
        "prepend_bos": True,
        "dataset_path": "see data/demo/README.md",
        "sae_lens_version": "6.18.0",
    }
    config: dict[str, Any] = {
        "architecture": "jumprelu" if latents.is_sae else "jumprelu_transcoder",
        "d_in": latents.W_enc.shape[0],
        "d_sae": latents.W_enc.shape[1],
        "dtype": "float16",
        "device": "cpu",
        "apply_b_dec_to_input": latents.is_sae,
        "normalize_activations": "none",
        "reshape_activations": "none",
        "metadata": metadata,
    }
    if not latents.is_sae:
        config["d_out"] = latents.W_dec.shape[1]
        metadata["hook_name_out"] = _HOOKS[place.hook_out.point].format(place.hook_out.layer)
    return config


def _half(value: Tensor) -> Tensor:
    return value.detach().to(torch.float16).contiguous()


def _save(arrays: dict[str, Tensor], path: Path) -> None:
    save_file(arrays, path, metadata={"format": "pt"})
    path.chmod(0o644)  # safetensors makes files that only their owner can read, and these go into a wheel
