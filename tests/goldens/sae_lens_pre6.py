"""Goldens of folders as sae-lens before 6 wrote them: a flat cfg.json, which sae-lens 6 still reads."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import torch
from safetensors.torch import save_file

from tests.goldens.common import D_IN, N_LATENTS, K, fresh, random_weights
from tests.goldens.sae_lens_v6 import run

FAMILY = "sae_lens_pre6"

# Version 1 and 2: no architecture, hook_point, dtype as torch prints it, the whole training run beside.
FIRST = {
    "model_name": "gpt2-small",
    "hook_point": "blocks.1.hook_resid_pre",
    "hook_point_layer": 1,
    "hook_point_head_index": None,
    "dataset_path": "Skylion007/openwebtext",
    "is_dataset_tokenized": False,
    "context_size": 128,
    "use_cached_activations": False,
    "d_in": D_IN,
    "d_sae": N_LATENTS,
    "l1_coefficient": 8e-05,
    "lr": 0.0004,
    "dtype": "torch.float32",
    "device": "cpu",
    "seed": 42,
}

# Version 3 to 5.
LATER = {
    "architecture": "standard",
    "d_in": D_IN,
    "d_sae": N_LATENTS,
    "activation_fn_str": "relu",
    "activation_fn_kwargs": {},
    "apply_b_dec_to_input": True,
    "finetuning_scaling_factor": False,
    "context_size": 128,
    "model_name": "gpt2-small",
    "hook_name": "blocks.1.hook_resid_pre",
    "hook_layer": 1,
    "hook_head_index": None,
    "prepend_bos": True,
    "dataset_path": "Skylion007/openwebtext",
    "dataset_trust_remote_code": True,
    "normalize_activations": "none",
    "dtype": "float32",
    "device": "cpu",
    "sae_lens_training_version": "3.22.1",
    "neuronpedia_id": None,
    "model_from_pretrained_kwargs": {"center_writing_weights": True},
}
STANDARD = ("W_enc", "b_enc", "W_dec", "b_dec")

# variant: config, arrays
VARIANTS: dict[str, tuple[dict[str, Any], tuple[str, ...]]] = {
    "first_scaling_factor_of_ones": (FIRST, (*STANDARD, "scaling_factor")),
    "first_normalize_true": ({**FIRST, "normalize_activations": True}, STANDARD),
    "first_normalize_false": ({**FIRST, "normalize_activations": False}, STANDARD),
    "hook_z_by_name": (
        {key: value for key, value in FIRST.items() if key != "hook_point"}
        | {"hook_point": "blocks.1.attn.hook_z", "normalize_activations": None},
        STANDARD,
    ),
    "standard": (LATER, STANDARD),
    "standard_b_dec_not_on_input": ({**LATER, "apply_b_dec_to_input": False}, STANDARD),
    "topk_layer_norm": (
        {
            **LATER,
            "activation_fn_str": "topk",
            "activation_fn_kwargs": {"k": K},
            "normalize_activations": "layer_norm",
        },
        STANDARD,
    ),
    "jumprelu": ({**LATER, "architecture": "jumprelu"}, (*STANDARD, "threshold")),
    "gated": ({**LATER, "architecture": "gated"}, ("W_enc", "b_gate", "b_mag", "r_mag", "W_dec", "b_dec")),
}

# What to refuse: latents that were scaled, which sae-lens 6 itself refuses, and an activation function
# that it takes for relu without a word.
REFUSED: dict[str, tuple[dict[str, Any], tuple[str, ...]]] = {
    "scaled": ({**LATER, "finetuning_scaling_factor": True}, (*STANDARD, "scaling_factor")),
    "tanh_relu": ({**LATER, "activation_fn_str": "tanh-relu"}, STANDARD),
}


def make() -> None:
    for seed, (variant, (config, names)) in enumerate(VARIANTS.items()):
        folder = fresh(FAMILY, variant)
        write(folder, config, names, 300 + seed, ones=True)
        run(folder, 300 + seed)
    for seed, (variant, (config, names)) in enumerate(REFUSED.items()):
        write(fresh(FAMILY, variant), config, names, 350 + seed, ones=False)


def write(folder: Path, config: dict[str, Any], names: tuple[str, ...], seed: int, ones: bool) -> None:
    weights = random_weights(seed)
    arrays = {name: torch.from_numpy(weights[name]) for name in names}
    if ones and "scaling_factor" in arrays:
        arrays["scaling_factor"] = torch.ones(N_LATENTS)
    (folder / "cfg.json").write_text(json.dumps(config))
    save_file(arrays, folder / "sae_weights.safetensors")
