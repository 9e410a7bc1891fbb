"""How the latents of an attention output come from the heads of their layer (direct feature attribution)."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import torch
from jaxtyping import Float32

from feature_atlas.address import HookPoint
from pipeline.core.dictionaries import Dictionary
from pipeline.core.inputs import Acts, activation, reads_heads
from pipeline.core.model import SubjectModel
from pipeline.core.normalize import normalized


@dataclass(frozen=True)
class HeadSource:
    """A latent's h = sum over heads of z_head . directions[latent, head] / scale + what no head writes.

    z is `attn_z`, scale that of the dictionary's normalization at a position. Of a dictionary that reads
    `attn_out` the directions are W_O @ W_enc. (Kissane et al. 2024, attention-output SAEs.)
    """

    point: HookPoint
    directions: Float32[np.ndarray, "latent head d_head"]

    def read(
        self, dictionary: Dictionary, acts: Acts, model: SubjectModel
    ) -> Float32[np.ndarray, "column z"]:
        """z / scale."""
        x = activation(dictionary, acts, model)
        _, _, scale = normalized(x, dictionary.normalization)
        z = x if dictionary.hook_in == self.point else acts[self.point]
        return (z / scale).cpu().numpy()


@torch.inference_mode()
def head_source(dictionary: Dictionary, model: SubjectModel) -> HeadSource | None:
    """None of a dictionary that reads something else."""
    if not reads_heads(dictionary):
        return None
    assert dictionary.W_enc is not None
    W = dictionary.W_enc.to(model.device)
    if dictionary.normalization == "layer_norm" or _centred(dictionary):
        W = W - W.mean(dim=0)  # (x - mean) . w = x . (w - mean)
    if dictionary.hook_in.point == "attn_out":
        W = model.head_weights(dictionary.hook_in.layer).W_O.flatten(0, 1) @ W
    directions = W.T.unflatten(-1, (model.shape.n_heads, model.shape.d_head))
    return HeadSource(HookPoint("attn_z", dictionary.hook_in.layer), directions.contiguous().cpu().numpy())


def _centred(dictionary: Dictionary) -> bool:
    return "centre_writes" in dictionary.processing and dictionary.hook_in.point == "attn_out"
