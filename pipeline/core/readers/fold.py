"""Factors and gates that checkpoints keep apart, folded into the weights they belong to."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

from jaxtyping import Float
from torch import Tensor

from pipeline.core.readers.checkpoint import Weights


def decoder_norms(weights: Weights) -> Weights:
    """acts(x) * |W_dec|, the same reconstruction: encoder, biases and thresholds times the norms."""
    norm = weights.W_dec.norm(dim=-1)
    return replace(
        weights,
        W_enc=weights.W_enc * norm,
        b_enc=weights.b_enc * norm,
        W_dec=weights.W_dec / norm.clamp_min(1e-30)[:, None],
        threshold=None if weights.threshold is None else weights.threshold * norm,
        folded=(*weights.folded, "decoder norms"),
    )


def input_scale(weights: Weights, scale: float) -> Weights:
    """acts(scale * x) and their reconstruction / scale."""
    return replace(
        weights,
        W_enc=weights.W_enc * scale,
        W_dec=weights.W_dec / scale,
        b_dec=weights.b_dec / scale,
        b_pre=None if weights.b_pre is None else weights.b_pre / scale,
        folded=(*weights.folded, f"input scale {scale}"),
    )


def gate(
    W_enc: Float[Tensor, "d_in latent"],
    r_mag: Float[Tensor, " latent"],
    b_gate: Float[Tensor, " latent"],
    b_mag: Float[Tensor, " latent"],
) -> dict[str, Any]:
    """A gated encoder as JumpReLU: 1[u + b_gate > 0] * relu(e^r u + b_mag), u = x @ W_enc.

    With h = e^r u + b_mag the gate is open where h > b_mag - e^r b_gate, the threshold.
    """
    gain = r_mag.exp()
    return {"W_enc": W_enc * gain, "b_enc": b_mag, "threshold": b_mag - gain * b_gate}
