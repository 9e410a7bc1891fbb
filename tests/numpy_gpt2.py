"""GPT-2's forward pass in plain numpy, from the weights file: the oracle for every hook point."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import numpy as np
from safetensors.numpy import load_file

Array = np.ndarray[Any, Any]


def forward(folder: Path, tokens: Array) -> dict[str, Array]:
    """Activations of one window [pos] at every hook point, `<point>.<layer>`, in float64."""
    config = json.loads((folder / "config.json").read_text())
    weights = {
        k.removeprefix("transformer."): v.astype(np.float64)
        for k, v in load_file(folder / "model.safetensors").items()
    }
    heads, found = config["n_head"], {}
    x = weights["wte.weight"][tokens] + weights["wpe.weight"][: len(tokens)]
    for layer in range(config["n_layer"]):
        w = {k.removeprefix(f"h.{layer}."): v for k, v in weights.items() if k.startswith(f"h.{layer}.")}
        found[f"resid_pre.{layer}"] = x
        found[f"ln1_out.{layer}"] = n1 = _norm(x, w["ln_1.weight"], w["ln_1.bias"])
        q, k, v = np.split(n1 @ w["attn.c_attn.weight"] + w["attn.c_attn.bias"], 3, axis=-1)
        q, k, v = (y.reshape(len(x), heads, -1).transpose(1, 0, 2) for y in (q, k, v))
        scores = q @ k.transpose(0, 2, 1) / np.sqrt(q.shape[-1])
        scores = np.where(np.tril(np.ones((len(x), len(x)))) > 0, scores, -np.inf)
        pattern = np.exp(scores - scores.max(-1, keepdims=True))
        found[f"attn_pattern.{layer}"] = pattern = pattern / pattern.sum(-1, keepdims=True)
        found[f"attn_z.{layer}"] = z = (pattern @ v).transpose(1, 0, 2).reshape(len(x), -1)
        found[f"attn_out.{layer}"] = a = z @ w["attn.c_proj.weight"] + w["attn.c_proj.bias"]
        found[f"resid_mid.{layer}"] = x = x + a
        found[f"ln2_out.{layer}"] = n2 = _norm(x, w["ln_2.weight"], w["ln_2.bias"])
        h = n2 @ w["mlp.c_fc.weight"] + w["mlp.c_fc.bias"]
        found[f"mlp_post.{layer}"] = g = 0.5 * h * (1 + np.tanh(np.sqrt(2 / np.pi) * (h + 0.044715 * h**3)))
        found[f"mlp_out.{layer}"] = m = g @ w["mlp.c_proj.weight"] + w["mlp.c_proj.bias"]
        found[f"resid_post.{layer}"] = x = x + m
    return found


def _norm(x: Array, gain: Array, bias: Array) -> Array:
    centred = x - x.mean(-1, keepdims=True)
    return centred / np.sqrt((centred**2).mean(-1, keepdims=True) + 1e-5) * gain + bias
