"""The attention heads of a layer: what they are called, and where they are read."""

from __future__ import annotations

from dataclasses import dataclass

import torch
from jaxtyping import Float
from torch import Tensor

from feature_atlas.address import HookPoint
from pipeline.core.model_folder import ModelFolder
from pipeline.core.params import Params

PER_HEAD = ("attn_pattern", "attn_v")  # hook points that hold no vector for each position


@dataclass(frozen=True)
class HeadGroup:
    """The heads of one layer, `attn.<layer>`."""

    layer: int
    n_heads: int
    rotary: bool

    @property
    def id(self) -> str:
        """Its name in the store, in URLs and in addresses."""
        return f"attn.{self.layer}"

    @property
    def pattern(self) -> HookPoint:
        """Where its attention is read."""
        return HookPoint("attn_pattern", self.layer)

    @property
    def values(self) -> HookPoint:
        """Where its value vectors are read."""
        return HookPoint("attn_v", self.layer)


def head_groups(params: Params, folder: ModelFolder) -> list[HeadGroup]:
    """The heads of every layer, if the parameters want them."""
    shape = folder.shape
    layers = range(shape.n_layers) if params.heads else ()
    return [HeadGroup(layer, shape.n_heads, folder.family.rotary) for layer in layers]


def write_factor(W_O: Float[Tensor, "head d_head d_model"]) -> Float[Tensor, "head d_head rank"]:
    """F of each head with ‖v F‖ = ‖v W_O‖ for every v: far narrower, with no loss of precision.

    W_O^T = Q R with orthonormal Q, so that v W_O = v R^T Q^T and F = R^T.
    """
    return torch.linalg.qr(W_O.transpose(-1, -2)).R.transpose(-1, -2).contiguous()
