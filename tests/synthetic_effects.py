"""Made-up ablations for the synthetic atlases."""

from __future__ import annotations

from typing import Any

import numpy as np

from feature_atlas.contract import N_MOVED

N_ABLATED = 5  # top examples of each latent that is no neuron


def ablations(d_vocab: int, latent: int, two_signed: bool) -> dict[str, Any]:
    """Of the top examples; the second has no next token, and all of every ninth latent are without effect."""
    random = np.random.default_rng(latent)
    n = 0 if two_signed else N_ABLATED
    size = 0.0 if latent % 9 == 8 else 1.0
    values = np.sort(np.abs(random.normal(0, size, (2, n, N_MOVED))), axis=-1)[..., ::-1]
    types = np.stack([random.choice(d_vocab, 2 * N_MOVED, replace=False) for _ in range(n)] or [np.zeros(0)])
    loss = random.normal(0.2, 0.3, n) * size
    loss[1:2] = np.nan
    return {
        "ablation_loss": loss,
        "ablation_later": loss[::-1] / 10,
        "ablation_kl": np.abs(random.normal(0, 0.1, n)) * size,
        "ablation_raised_value": values[0].ravel(),
        "ablation_lowered_value": -values[1].ravel(),
        "ablation_raised_token": types[:, :N_MOVED].ravel(),
        "ablation_lowered_token": types[:, N_MOVED:].ravel(),
    }
