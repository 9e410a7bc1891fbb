"""fp16 files in the layouts that everybody reads: Hugging Face's for the model, SAELens' for the SAEs."""

from __future__ import annotations

import json
import shutil
from pathlib import Path
from typing import Any

import torch
from safetensors.torch import save_file
from transformers import GPT2LMHeadModel

from sae import TopK


def export_lm(model: GPT2LMHeadModel, work: Path, folder: Path) -> None:
    """config.json, model.safetensors in fp16, and the tokenizer."""
    folder.mkdir(parents=True, exist_ok=True)
    config = model.config.to_dict() | {"activation_function": "gelu_new", "dtype": "float16"}
    wanted = (
        "activation_function architectures bos_token_id eos_token_id dtype embd_pdrop attn_pdrop resid_pdrop"
        " initializer_range layer_norm_epsilon model_type n_ctx n_embd n_head n_inner n_layer n_positions"
        " scale_attn_weights tie_word_embeddings vocab_size"
    ).split()
    chosen = {key: config[key] for key in wanted if key in config} | {"architectures": ["GPT2LMHeadModel"]}
    (folder / "config.json").write_text(json.dumps(chosen, indent=1, sort_keys=True) + "\n")
    weights = {name: value.to(torch.float16).contiguous() for name, value in model.state_dict().items()}
    del weights["lm_head.weight"]  # tied to the embedding
    save_file(weights, folder / "model.safetensors", metadata={"format": "pt"})
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
    save_file(
        {name: value.detach().to(torch.float16).contiguous() for name, value in arrays.items()},
        folder / "sae_weights.safetensors",
    )
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
            "model_name": "feature-atlas-demo",
            "hook_name": f"blocks.{layer}.hook_resid_post",
            "context_size": recipe["model"]["n_positions"],
            "prepend_bos": True,
            "sae_lens_version": "6.18.0",
        },
    }
    (folder / "cfg.json").write_text(json.dumps(config, indent=1) + "\n")
