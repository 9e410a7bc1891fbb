"""GPT-2's forward pass in plain numpy, from the weights file: the oracle for every hook point."""

from __future__ import annotations

import json
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

import numpy as np
from safetensors.numpy import load_file

Array = np.ndarray[Any, Any]


def forward(
    folder: Path, tokens: Array, spliced: Mapping[str, Callable[[dict[str, Array]], Array]] | None = None
) -> dict[str, Array]:
    """Activations of one window [pos] at every hook point, `<point>.<layer>`, and `logits`, in float64.

    `spliced` gives, for a hook point after attention, what to go on with in its place, from all
    activations up to it.
    """

    def kept(name: str, value: Array) -> Array:
        found[name] = value
        return spliced[name](found) if spliced and name in spliced else value

    config = json.loads((folder / "config.json").read_text())
    weights = {
        k.removeprefix("transformer."): v.astype(np.float64)
        for k, v in load_file(folder / "model.safetensors").items()
    }
    heads, found = config["n_head"], dict[str, Array]()
    x = weights["wte.weight"][tokens] + weights["wpe.weight"][: len(tokens)]
    for layer in range(config["n_layer"]):
        w = {k.removeprefix(f"h.{layer}."): v for k, v in weights.items() if k.startswith(f"h.{layer}.")}
        found[f"resid_pre.{layer}"] = x
        found[f"ln1_out.{layer}"] = n1 = _norm(x, w["ln_1.weight"], w["ln_1.bias"])
        q, k, v = np.split(n1 @ w["attn.c_attn.weight"] + w["attn.c_attn.bias"], 3, axis=-1)
        q, k, v = (y.reshape(len(x), heads, -1).transpose(1, 0, 2) for y in (q, k, v))
        found[f"attn_v.{layer}"] = v
        scores = q @ k.transpose(0, 2, 1) / np.sqrt(q.shape[-1])
        scores = np.where(np.tril(np.ones((len(x), len(x)))) > 0, scores, -np.inf)
        pattern = np.exp(scores - scores.max(-1, keepdims=True))
        found[f"attn_pattern.{layer}"] = pattern = pattern / pattern.sum(-1, keepdims=True)
        found[f"attn_z.{layer}"] = z = (pattern @ v).transpose(1, 0, 2).reshape(len(x), -1)
        a = kept(f"attn_out.{layer}", z @ w["attn.c_proj.weight"] + w["attn.c_proj.bias"])
        x = kept(f"resid_mid.{layer}", x + a)
        found[f"ln2_out.{layer}"] = n2 = _norm(x, w["ln_2.weight"], w["ln_2.bias"])
        h = n2 @ w["mlp.c_fc.weight"] + w["mlp.c_fc.bias"]
        found[f"mlp_post.{layer}"] = g = 0.5 * h * (1 + np.tanh(np.sqrt(2 / np.pi) * (h + 0.044715 * h**3)))
        m = kept(f"mlp_out.{layer}", g @ w["mlp.c_proj.weight"] + w["mlp.c_proj.bias"])
        x = kept(f"resid_post.{layer}", x + m)
    found["logits"] = _norm(x, weights["ln_f.weight"], weights["ln_f.bias"]) @ weights["wte.weight"].T
    return found


def _norm(x: Array, gain: Array, bias: Array) -> Array:
    centred = x - x.mean(-1, keepdims=True)
    return centred / np.sqrt((centred**2).mean(-1, keepdims=True) + 1e-5) * gain + bias
