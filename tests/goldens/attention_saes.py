"""The golden of Kissane's attention-output SAEs, which no package holds: plain numpy from its equations."""

from __future__ import annotations

import json

import numpy as np
import torch

from tests.goldens.common import D_IN, N_LATENTS, expect, fresh, random_inputs, random_weights

FAMILY, NAME = "attention_saes", "gpt2-small_L1_Hcat_z"


def make() -> None:
    """h = (x - b_dec) @ W_enc + b_enc, r = relu(h) @ W_dec + b_dec, in float64."""
    folder = fresh(FAMILY, "hook_z")
    weights = random_weights(950)
    state = {name: torch.from_numpy(weights[name]) for name in ("W_enc", "W_dec", "b_enc", "b_dec")}
    torch.save(state, folder / f"{NAME}.pt")
    config = {"act_name": "blocks.1.attn.hook_z", "act_size": D_IN, "dict_size": N_LATENTS, "seed": 49}
    (folder / f"{NAME}_cfg.json").write_text(json.dumps(config))
    x, w = random_inputs(950), {name: weights[name].astype(np.float64) for name in state}
    latents = np.maximum((x - w["b_dec"]) @ w["W_enc"] + w["b_enc"], 0)
    expect(folder, x, latents, latents @ w["W_dec"] + w["b_dec"])
