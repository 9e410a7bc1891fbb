"""Logit effects of what is written to the residual stream."""

from __future__ import annotations

import torch
from jaxtyping import Float, Int
from torch import Tensor

from feature_atlas.contract import N_EFFECT_BINS

ROWS = 512  # vectors at a time: 512 x 50,257 logits are 100 MB


def logit_effects(
    writes: Float[Tensor, "row d_model"], unembedding: Float[Tensor, "d_model d_vocab"], k: int
) -> dict[str, Tensor]:
    """The k largest and k lowest of writes @ (gain * W_U) - its mean over the vocabulary; their histogram.

    Unit: logits per unit of activation, the final norm's scale held at 1. Ties go to the lower token.
    """
    found: dict[str, list[Tensor]] = {}
    for rows in writes.split(ROWS):
        effects = rows @ unembedding
        effects -= effects.mean(dim=-1, keepdim=True)
        for side, sign in (("promoted", 1), ("suppressed", -1)):
            values, tokens = largest(sign * effects, k)
            found.setdefault(f"{side}_value", []).append(sign * values)
            found.setdefault(f"{side}_token", []).append(tokens)
        found.setdefault("effect_hist", []).append(torch.stack([histogram(row) for row in effects]))
    return {name: torch.cat(parts) for name, parts in found.items()}


def histogram(effects: Float[Tensor, " d_vocab"]) -> Int[Tensor, " effect_bin"]:
    """How many effects lie in each of N_EFFECT_BINS equal bins from the lowest to the highest.

    The highest counts to the last bin. All 0 if all effects are equal.
    """
    low, high = (float(edge) for edge in effects.aminmax())
    if low == high:
        return torch.zeros(N_EFFECT_BINS, dtype=torch.int64, device=effects.device)
    return effects.histc(N_EFFECT_BINS, low, high).to(torch.int64)


def largest(values: Float[Tensor, "row column"], k: int) -> tuple[Tensor, Tensor]:
    """Top k by value, ties to the lower column: `topk` alone breaks ties as it likes."""
    top, columns = values.topk(min(k + 8, values.shape[-1]), dim=-1)
    by_column = columns.argsort(dim=-1)
    top, columns = top.gather(-1, by_column), columns.gather(-1, by_column)
    order = top.argsort(dim=-1, descending=True, stable=True)[:, :k]
    return top.gather(-1, order), columns.gather(-1, order)
