"""Logit effects of what is written to the residual stream."""

from __future__ import annotations

from collections.abc import Iterable, Iterator

import torch
from jaxtyping import Float, Int64
from torch import Tensor

from feature_atlas.contract import N_EFFECT_BINS

ROWS = 512  # vectors at a time: 512 x 50,257 logits are 100 MB


def logit_effects(
    writes: Float[Tensor, "row d_model"], unembedding: Float[Tensor, "d_model d_vocab"], k: int
) -> dict[str, Tensor]:
    """The k largest and k lowest of writes @ (gain * W_U) - its mean over the vocabulary.

    Unit: logits per unit of activation, the final norm's scale held at 1. Ties go to the lower token.
    """
    return _joined(_extremes(effects, k) for effects in _effects(writes, unembedding))


def logit_effects_with_histogram(
    writes: Float[Tensor, "row d_model"], unembedding: Float[Tensor, "d_model d_vocab"], k: int
) -> dict[str, Tensor]:
    """The same, and `effect_hist` [row, effect_bin]: how many token types have which effect."""
    return _joined(
        _extremes(effects, k) | {"effect_hist": torch.stack([histogram(row) for row in effects])}
        for effects in _effects(writes, unembedding)
    )


def histogram(effects: Float[Tensor, " d_vocab"]) -> Int64[Tensor, " effect_bin"]:
    """How many effects lie in each of N_EFFECT_BINS equal bins from the lowest to the highest.

    The highest counts to the last bin. All 0 if all effects are equal.
    """
    low, high = (float(edge) for edge in effects.aminmax())
    if low == high:
        return torch.zeros(N_EFFECT_BINS, dtype=torch.int64, device=effects.device)
    return effects.histc(N_EFFECT_BINS, low, high).to(torch.int64)


def _effects(writes: Tensor, unembedding: Tensor) -> Iterator[Float[Tensor, "row d_vocab"]]:
    for rows in writes.split(ROWS):
        effects = rows @ unembedding
        effects -= effects.mean(dim=-1, keepdim=True)
        yield effects


def _extremes(effects: Float[Tensor, "row d_vocab"], k: int) -> dict[str, Tensor]:
    found: dict[str, Tensor] = {}
    for side, sign in (("promoted", 1), ("suppressed", -1)):
        values, found[f"{side}_token"] = largest(sign * effects, k)
        found[f"{side}_value"] = sign * values
    return found


def _joined(parts: Iterable[dict[str, Tensor]]) -> dict[str, Tensor]:
    each = list(parts)
    return {name: torch.cat([part[name] for part in each]) for name in each[0]}


def largest(values: Float[Tensor, "row column"], k: int) -> tuple[Tensor, Tensor]:
    """Top k by value, ties to the lower column: `topk` alone breaks ties as it likes."""
    top, columns = values.topk(min(k + 8, values.shape[-1]), dim=-1)
    by_column = columns.argsort(dim=-1)
    top, columns = top.gather(-1, by_column), columns.gather(-1, by_column)
    order = top.argsort(dim=-1, descending=True, stable=True)[:, :k]
    return top.gather(-1, order), columns.gather(-1, order)
