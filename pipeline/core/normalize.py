"""What dictionaries do to an activation before they read it, and how it is undone."""

from __future__ import annotations

from typing import Literal

import torch
from jaxtyping import Float
from torch import Tensor

Normalization = Literal["none", "layer_norm", "constant_norm_rescale"]
EPSILON = 1e-5


def normalized(
    x: Float[Tensor, "token d_in"], how: Normalization
) -> tuple[Float[Tensor, "token d_in"], Tensor | float, Tensor | float]:
    """n(x), and the mean and scale by which a reconstruction r of n(x) becomes r * scale + mean.

    layer_norm: (x - mean) / (s + 1e-5), s the standard deviation with d_in - 1 in its denominator, by
    which the reconstruction is scaled without the 1e-5 (OpenAI's TopK SAEs; SAELens' `layer_norm`).
    constant_norm_rescale: x / scale, scale = |x| / sqrt(d_in), so that every x has the same length.
    """
    if how == "layer_norm":
        mean = x.mean(dim=-1, keepdim=True)
        spread = x.std(dim=-1, keepdim=True)
        return (x - mean) / (spread + EPSILON), mean, spread
    if how == "constant_norm_rescale":
        scale = x.norm(dim=-1, keepdim=True) / x.shape[-1] ** 0.5
        return x / scale.clamp_min(torch.finfo(x.dtype).tiny), 0.0, scale
    return x, 0.0, 1.0
