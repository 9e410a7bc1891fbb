"""The forward pass of GPT-NeoX and Llama in plain numpy, from the weights file."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import numpy as np
from safetensors.numpy import load_file
from scipy.special import erf

Array = np.ndarray[Any, Any]


def forward(folder: Path, tokens: Array) -> dict[str, Array]:
    """Activations of one window [pos] at every hook point, `<point>.<layer>`, and `logits`, in float64."""
    config = json.loads((folder / "config.json").read_text())
    weights = {name: x.astype(np.float64) for name, x in load_file(folder / "model.safetensors").items()}
    block, embedding, final = {
        "gpt_neox": (_neox_block, "gpt_neox.embed_in", "gpt_neox.final_layer_norm"),
        "llama": (_llama_block, "model.embed_tokens", "model.norm"),
    }[config["model_type"]]
    prefix, found = f"{embedding.split('.')[0]}.layers", dict[str, Array]()
    x = weights[f"{embedding}.weight"][tokens]
    for layer in range(config["num_hidden_layers"]):
        start = f"{prefix}.{layer}."
        w = {k.removeprefix(start): v for k, v in weights.items() if k.startswith(start)}
        here = {"resid_pre": x, **block(x, w, config)}
        found |= {f"{point}.{layer}": value for point, value in here.items()}
        x = here["resid_post"]
    unembedding = weights.get("lm_head.weight", weights.get("embed_out.weight"))
    if unembedding is None:
        unembedding = weights[f"{embedding}.weight"]
    found["logits"] = _norm(x, weights, final, config) @ unembedding.T
    return found


def _neox_block(x: Array, w: dict[str, Array], config: dict[str, Any]) -> dict[str, Array]:
    n = config["num_attention_heads"]
    d_head = x.shape[-1] // n
    n1 = _norm(x, w, "input_layernorm", config)
    q, k, v = np.split(_linear(n1, w, "attention.query_key_value").reshape(len(x), n, 3 * d_head), 3, axis=-1)
    pattern, v, z = _attention(q, k, v, config)
    a = _linear(z, w, "attention.dense")
    middle = x if config["use_parallel_residual"] else x + a
    n2 = _norm(middle, w, "post_attention_layernorm", config)
    h = _linear(n2, w, "mlp.dense_h_to_4h")
    if config["hidden_act"] == "gelu":
        g = h * (1 + erf(h / np.sqrt(2))) / 2
    else:
        g = 0.5 * h * (1 + np.tanh(np.sqrt(2 / np.pi) * (h + 0.044715 * h**3)))
    m = _linear(g, w, "mlp.dense_4h_to_h")
    between = {} if config["use_parallel_residual"] else {"resid_mid": middle}
    return {
        **between,
        "ln1_out": n1,
        "attn_pattern": pattern,
        "attn_v": v,
        "attn_z": z,
        "attn_out": a,
        "ln2_out": n2,
        "mlp_post": g,
        "mlp_out": m,
        "resid_post": x + a + m,
    }


def _llama_block(x: Array, w: dict[str, Array], config: dict[str, Any]) -> dict[str, Array]:
    n1 = _norm(x, w, "input_layernorm", config)
    q, k, v = (
        _linear(n1, w, f"self_attn.{name}_proj").reshape(len(x), -1, config["head_dim"]) for name in "qkv"
    )
    pattern, v, z = _attention(q, k, v, config)
    a = _linear(z, w, "self_attn.o_proj")
    n2 = _norm(x + a, w, "post_attention_layernorm", config)
    gate = _linear(n2, w, "mlp.gate_proj")
    g = gate / (1 + np.exp(-gate)) * _linear(n2, w, "mlp.up_proj")
    m = _linear(g, w, "mlp.down_proj")
    return {
        "ln1_out": n1,
        "attn_pattern": pattern,
        "attn_v": v,
        "attn_z": z,
        "attn_out": a,
        "resid_mid": x + a,
        "ln2_out": n2,
        "mlp_post": g,
        "mlp_out": m,
        "resid_post": x + a + m,
    }


def _attention(q: Array, k: Array, v: Array, config: dict[str, Any]) -> tuple[Array, Array, Array]:
    """Pattern [head, query, key], values [head, pos, d_head] and their mixture [pos, head * d_head]."""
    q, k = _rotated(q, config), _rotated(k, config)
    group = q.shape[1] // k.shape[1]
    pattern, values, mixed = [], [], []
    for head in range(q.shape[1]):
        scores = q[:, head] @ k[:, head // group].T / np.sqrt(q.shape[-1])
        scores = np.where(np.tril(np.ones_like(scores)) > 0, scores, -np.inf)
        weights = np.exp(scores - scores.max(-1, keepdims=True))
        pattern.append(weights / weights.sum(-1, keepdims=True))
        values.append(v[:, head // group])
        mixed.append(pattern[-1] @ values[-1])
    return np.stack(pattern), np.stack(values), np.concatenate(mixed, axis=-1)


def _rotated(x: Array, config: dict[str, Any]) -> Array:
    """Coordinates i and i + d / 2 of the first d turned by pos * theta^(-2i / d)."""
    rope = config["rope_parameters"]
    half = int(x.shape[-1] * rope.get("partial_rotary_factor", 1)) // 2
    turn = np.arange(len(x))[:, None] * rope["rope_theta"] ** (-np.arange(half) / half)
    cos, sin = np.cos(turn)[:, None], np.sin(turn)[:, None]
    first, second, rest = x[..., :half], x[..., half : 2 * half], x[..., 2 * half :]
    return np.concatenate([first * cos - second * sin, second * cos + first * sin, rest], axis=-1)


def _linear(x: Array, w: dict[str, Array], name: str) -> Array:
    return x @ w[f"{name}.weight"].T + w.get(f"{name}.bias", 0)


def _norm(x: Array, w: dict[str, Array], name: str, config: dict[str, Any]) -> Array:
    if "rms_norm_eps" in config:
        return x / np.sqrt((x**2).mean(-1, keepdims=True) + config["rms_norm_eps"]) * w[f"{name}.weight"]
    centred = x - x.mean(-1, keepdims=True)
    scale = np.sqrt((centred**2).mean(-1, keepdims=True) + config["layer_norm_eps"])
    return centred / scale * w[f"{name}.weight"] + w[f"{name}.bias"]
