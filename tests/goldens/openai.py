"""Goldens of OpenAI's GPT-2 autoencoders, whose code is not packaged: plain numpy from its equations."""

from __future__ import annotations

from collections import OrderedDict
from typing import Any

import numpy as np
import torch

from tests.goldens.common import D_IN, N_LATENTS, Array, K, expect, fresh, random_inputs, random_weights

FAMILY = "openai"
MANY = 15  # more than fire, so that some of the largest are negative
STATISTICS = ("stats_last_nonzero", "latents_activation_frequency", "latents_mean_square")


def make() -> None:
    relu = {"activation": "ReLU", "activation_state_dict": OrderedDict()}
    topk = {"activation": "TopK", "activation_state_dict": OrderedDict(k=K, postact_fn="ReLU")}
    signed = {"activation": "TopK", "activation_state_dict": OrderedDict(k=MANY, postact_fn="Identity")}
    resaved = {"activation.k": K, "activation.postact_fn": "ReLU", **topk}
    write("v1", 800, STATISTICS[:1], {})
    write("v1_old_torch", 801, STATISTICS[:1], {}, old=True)
    write("v4", 802, STATISTICS, relu)
    write("v5", 803, STATISTICS, topk, k=K)
    write("v5_resaved", 804, STATISTICS, resaved, k=K)
    write("topk_signed", 805, STATISTICS, signed, k=MANY, signed=True)


def write(
    variant: str,
    seed: int,
    statistics: tuple[str, ...],
    activation: dict[str, Any],
    k: int | None = None,
    signed: bool = False,
    old: bool = False,
) -> None:
    """autoencoders/1.pt: the file of layer 1; `old` in the format of torch before 1.6."""
    folder = fresh(FAMILY, variant)
    state = state_dict(seed, statistics, activation)
    path = folder / "autoencoders" / "1.pt"
    path.parent.mkdir()
    torch.save(state, path, _use_new_zipfile_serialization=not old)
    x = random_inputs(seed)
    arrays = {name: value.numpy() for name, value in state.items() if isinstance(value, torch.Tensor)}
    expect(folder, x, *forward(arrays, x, k, signed))


def state_dict(seed: int, statistics: tuple[str, ...], activation: dict[str, Any]) -> OrderedDict[str, Any]:
    weights = {name: torch.from_numpy(array) for name, array in random_weights(seed).items()}
    rng = np.random.default_rng(seed)
    counts = {
        "stats_last_nonzero": torch.from_numpy(rng.integers(0, 10**6, N_LATENTS)),
        "latents_activation_frequency": torch.from_numpy(rng.uniform(0, 0.1, N_LATENTS)).float(),
        "latents_mean_square": torch.from_numpy(rng.uniform(0, 3, N_LATENTS)).float(),
    }
    return OrderedDict(
        pre_bias=weights["b_dec"],
        latent_bias=weights["b_enc"],
        **{name: counts[name] for name in statistics},
        **{
            "encoder.weight": weights["W_enc"].T.contiguous(),
            "decoder.weight": weights["W_dec"].T.contiguous(),
        },
        **activation,
    )


def forward(state: dict[str, Array], x: Array, k: int | None, signed: bool) -> tuple[Array, Array]:
    """Latents and reconstruction, in float64.

    With k (TopK) x is first brought to mean 0 and, by s = sqrt(sum((x - mean)^2) / (d - 1)) + 1e-5,
    to variance 1; the k largest h stay, at least 0 unless `signed`; the reconstruction is scaled back
    by s without the 1e-5. h = W_enc (x - pre_bias) + latent_bias, r = W_dec latents + pre_bias.
    """
    assert x.shape[1] == D_IN
    w = {name: array.astype(np.float64) for name, array in state.items()}
    u = x.astype(np.float64)
    mean, spread = np.zeros((len(x), 1)), np.ones((len(x), 1))
    if k is not None:
        mean, spread = u.mean(axis=1, keepdims=True), u.std(axis=1, ddof=1, keepdims=True)
        u = (u - mean) / (spread + 1e-5)
    h = (u - w["pre_bias"]) @ w["encoder.weight"].T + w["latent_bias"]
    latents = h if signed else np.maximum(h, 0)
    if k is not None:
        kept = h >= np.sort(h, axis=1)[:, -k, None]
        latents = np.where(kept, latents, 0)
    return latents, (latents @ w["decoder.weight"].T + w["pre_bias"]) * spread + mean
