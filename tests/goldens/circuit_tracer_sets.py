"""Goldens of circuit-tracer: transcoders of all layers, as its to_safetensors writes them.

It writes no config.yaml but in its cache of downloads: the one here is what such a cache holds.
"""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import torch
import torch.nn.functional as F
import yaml
from circuit_tracer.transcoder.activation_functions import JumpReLU
from circuit_tracer.transcoder.cross_layer_transcoder import CrossLayerTranscoder, load_clt
from circuit_tracer.transcoder.single_layer_transcoder import SingleLayerTranscoder, TranscoderSet
from circuit_tracer.utils.hf_utils import load_transcoders

from tests.goldens.common import Array, expect, fresh, random_inputs, random_weights

FAMILY = "circuit_tracer"
N_LAYERS, D_MODEL, N_LATENTS = 3, 16, 16
CPU = torch.device("cpu")
NORMED = {"feature_input_hook": "ln2.hook_normalized", "feature_output_hook": "hook_mlp_out"}
MLP = {"feature_input_hook": "mlp.hook_in", "feature_output_hook": "mlp.hook_out"}
MIDDLE = {"feature_input_hook": "hook_resid_mid", "feature_output_hook": "hook_mlp_out"}


def make() -> None:
    make_set("relu", NORMED, 600)
    make_set("jumprelu", MLP, 610, jumprelu=True)
    make_set("jumprelu_negative_threshold", MLP, 620, jumprelu=True, lower=0.8)
    make_set("skip", MIDDLE, 630, skip=True)
    make_cross_layer("cross_layer_relu", MIDDLE, 640)
    make_cross_layer("cross_layer_jumprelu", NORMED, 650, jumprelu=True)


def layer_weights(seed: int, layer: int) -> dict[str, torch.Tensor]:
    weights = random_weights(seed + layer, d_in=D_MODEL, d_out=D_MODEL, n_latents=N_LATENTS)
    return {name: torch.from_numpy(array) for name, array in weights.items()}


def layer_inputs(seed: int) -> Array:
    """[layer, n, d_model]"""
    return np.stack([random_inputs(seed + layer, d_in=D_MODEL) for layer in range(N_LAYERS)])


def write_config(folder: Path, kind: str, hooks: dict[str, str]) -> dict[str, Any]:
    config = {
        "model_name": "openai-community/gpt2",
        "model_kind": kind,
        "revision": None,
        "scan": "someone/transcoders-gpt2",
        **hooks,
    }
    (folder / "config.yaml").write_text(yaml.dump(config))
    return config


@torch.no_grad()
def make_set(
    variant: str,
    hooks: dict[str, str],
    seed: int,
    jumprelu: bool = False,
    skip: bool = False,
    lower: float = 0.0,
) -> None:
    """A transcoder per layer: config.yaml and layer_{i}.safetensors; expectations are [layer, n, ...]."""
    folder = fresh(FAMILY, variant)
    made = {}
    for layer in range(N_LAYERS):
        weights = layer_weights(seed, layer)
        activation = JumpReLU(weights["threshold"] - lower, 0.1) if jumprelu else F.relu
        transcoder = SingleLayerTranscoder(
            D_MODEL, N_LATENTS, activation, layer, skip_connection=skip, device=CPU, dtype=torch.float32
        )
        transcoder.W_enc.copy_(weights["W_enc"].T)
        for name in ("W_dec", "b_enc", "b_dec", *(["W_skip"] if skip else [])):
            getattr(transcoder, name).copy_(weights[name])
        made[layer] = transcoder
    TranscoderSet(made, **hooks).to_safetensors(str(folder))
    config = write_config(folder, "transcoder_set", hooks)
    paths = [str(folder / f"layer_{layer}.safetensors") for layer in range(N_LAYERS)]
    loaded: Any = load_transcoders({**config, "transcoders": paths}, device=CPU, lazy_decoder=False)
    inputs = layer_inputs(seed)
    x = torch.from_numpy(inputs)
    latents = loaded.encode(x)
    expect(folder, inputs, latents.numpy(), loaded.decode(latents, x).numpy())


@torch.no_grad()
def make_cross_layer(variant: str, hooks: dict[str, str], seed: int, jumprelu: bool = False) -> None:
    """A transcoder across layers: W_enc_{i} and W_dec_{i}.safetensors; expectations are [layer, n, ...]."""
    folder = fresh(FAMILY, variant)
    clt: Any = CrossLayerTranscoder(
        N_LAYERS,
        N_LATENTS,
        D_MODEL,
        activation_function="jump_relu" if jumprelu else "relu",
        lazy_decoder=False,
        device=CPU,
        dtype=torch.float32,
        **hooks,
    )
    for layer in range(N_LAYERS):
        weights = layer_weights(seed, layer)
        clt.W_enc[layer] = weights["W_enc"].T
        clt.b_enc[layer], clt.b_dec[layer] = weights["b_enc"], weights["b_dec"]
        if jumprelu:
            clt.activation_function.threshold[layer, 0] = weights["threshold"]
        for later in range(layer, N_LAYERS):
            writes = layer_weights(seed + 10 * (layer + 1), later)["W_dec"]
            clt.W_dec[layer][:, later - layer] = writes
    clt.to_safetensors(str(folder))
    write_config(folder, "cross_layer_transcoder", hooks)
    loaded = load_clt(str(folder), device=CPU, dtype=torch.float32, **hooks)
    inputs = layer_inputs(seed)
    latents = loaded.encode(torch.from_numpy(inputs))
    expect(folder, inputs, latents.numpy(), loaded.decode(latents).numpy())
