"""Weights of a block in one layout, whichever family it is of."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import torch
from jaxtyping import Float
from torch import Tensor, nn

from pipeline.core.architectures import Family
from pipeline.core.shape import Shape


@dataclass(frozen=True)
class HeadWeights:
    """Of the heads of a layer; keys and values that heads share are told for each.

    A head's value is v = x @ W_V + b_V, x being `ln1_out`; it adds (pattern @ v) @ W_O to `attn_out`.
    """

    W_Q: Float[Tensor, "head d_model d_head"]
    W_K: Float[Tensor, "head d_model d_head"]
    W_V: Float[Tensor, "head d_model d_head"]
    W_O: Float[Tensor, "head d_head d_model"]
    b_V: Float[Tensor, "head d_head"] | None


@dataclass(frozen=True)
class Norm:
    """gain * `normalised(x)` + bias: a LayerNorm, or an RMSNorm (`rms`), which does not centre."""

    gain: Float[Tensor, " d_model"]
    bias: Float[Tensor, " d_model"] | None
    eps: float
    rms: bool

    def normalised(self, x: Float[Tensor, "... d_model"]) -> Float[Tensor, "... d_model"]:
        """(x - mean) / sqrt(variance + eps); of an RMSNorm x / sqrt(mean square + eps)."""
        centred = x if self.rms else x - x.mean(-1, keepdim=True)
        return centred / (centred.square().mean(-1, keepdim=True) + self.eps).sqrt()


def matrix(linear: Any) -> Float[Tensor, "d_in d_out"]:
    """W of x @ W: as GPT-2's own linear layers hold it, and torch's transposed."""
    weight = linear.weight.detach()
    return weight.T if isinstance(linear, nn.Linear) else weight


def head_weights(block: nn.Module, family: Family, shape: Shape) -> HeadWeights:
    """A block's; biases are there for queries, keys and values or for none of them."""
    maps: list[Any] = [block.get_submodule(name) for name in family.qkv]
    W_Q, W_K, W_V = (
        x.movedim(0, 1) for x in _split(torch.cat([matrix(each) for each in maps], -1), family, shape)
    )
    biases = [each.bias.detach() for each in maps if each.bias is not None]
    return HeadWeights(
        W_Q=W_Q,
        W_K=W_K,
        W_V=W_V,
        W_O=matrix(block.get_submodule(family.attn_write)).unflatten(0, (shape.n_heads, shape.d_head)),
        b_V=_split(torch.cat(biases), family, shape)[2] if biases else None,
    )


def norm(module: Any, rms: bool) -> Norm:
    """What a LayerNorm or RMSNorm does."""
    bias = None if rms or module.bias is None else module.bias.detach()
    return Norm(module.weight.detach(), bias, module.variance_epsilon if rms else module.eps, rms)


def _split(
    x: Float[Tensor, "*rows q_k_v"], family: Family, shape: Shape
) -> list[Float[Tensor, "*rows head d_head"]]:
    """Queries, keys and values of each head."""
    if family.by_head:
        return list(x.unflatten(-1, (shape.n_heads, 3, shape.d_head)).unbind(-2))
    sizes = [n * shape.d_head for n in (shape.n_heads, shape.n_kv_heads, shape.n_kv_heads)]
    heads = [part.unflatten(-1, (-1, shape.d_head)) for part in x.split(sizes, -1)]
    return [part.repeat_interleave(shape.n_heads // part.shape[-2], -2) for part in heads]
