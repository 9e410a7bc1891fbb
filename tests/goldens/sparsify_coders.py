"""Goldens of eai-sparsify: a folder named after the hook point, as SparseCoder.save_to_disk writes it."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import torch
from sparsify import SparseCoder, SparseCoderConfig

from tests.goldens.common import D_IN, expect, fresh, random_inputs, random_weights

FAMILY = "sparsify"
N_LATENTS, K = 32, 8  # the k groups of groupmax are of 4

# variant: hook point, config
VARIANTS: dict[str, tuple[str, dict[str, Any]]] = {
    "topk": ("h.1", {}),
    "groupmax": ("h.1", {"activation": "groupmax"}),
    "transcoder": ("h.1.mlp", {"transcode": True}),
    "skip_transcoder": ("h.1.mlp", {"transcode": True, "skip_connection": True}),
    "num_latents": ("h.1.attn", {"num_latents": N_LATENTS, "expansion_factor": 32}),
}


def make() -> None:
    for seed, (variant, (hook_point, settings)) in enumerate(VARIANTS.items()):
        folder = fresh(FAMILY, variant)
        config = SparseCoderConfig(**{"k": K, "expansion_factor": N_LATENTS // D_IN, **settings})
        coder = SparseCoder(D_IN, config)
        fill(coder, 500 + seed)
        coder.save_to_disk(folder / hook_point)
        run(folder, hook_point, 500 + seed)


@torch.no_grad()
def fill(coder: SparseCoder, seed: int) -> None:
    """Every parameter random."""
    weights = {
        name: torch.from_numpy(array) for name, array in random_weights(seed, n_latents=N_LATENTS).items()
    }
    values = {**weights, "encoder.weight": weights["W_enc"].T, "encoder.bias": weights["b_enc"]}
    for name, parameter in coder.named_parameters():
        parameter.copy_(values[name])


@torch.no_grad()
def run(folder: Path, hook_point: str, seed: int) -> None:
    """Load the folder and write what it computes, its k activations laid out over all latents."""
    coder = SparseCoder.load_from_disk(folder / hook_point)
    inputs = random_inputs(seed)
    x = torch.from_numpy(inputs)
    encoded = coder.encode(x)
    latents = torch.zeros(len(x), coder.num_latents)
    latents.scatter_(1, encoded.top_indices, encoded.top_acts)
    expect(folder, inputs, latents.numpy(), coder(x).sae_out.numpy())
