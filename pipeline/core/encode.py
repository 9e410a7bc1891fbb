"""From activations at a hook point to the firings of a dictionary, block by block."""

from __future__ import annotations

import torch
from jaxtyping import Float
from torch import Tensor

from pipeline.core.accumulate.block import Block, above, dense, listed, turned
from pipeline.core.dictionaries import BLOCK, Dictionary
from pipeline.core.windows import Batch


def starts(dictionary: Dictionary) -> range:
    """First latents of the blocks that `block` makes: one block for TopK, which needs all latents at once."""
    return range(0, dictionary.n_latents, dictionary.n_latents if dictionary.k is not None else BLOCK)


@torch.inference_mode()
def block(dictionary: Dictionary, read: Float[Tensor, "column d_in"], lo: int, batch: Batch) -> Block:
    """The block of latents from `lo` on at the counted positions of a batch; `read` is Dictionary.read's."""
    if dictionary.W_enc is None:
        return dense(turned(read[:, lo : lo + BLOCK].cpu().numpy()), lo, batch)
    if dictionary.k is not None:
        values, latents = dictionary.largest(read)
        return listed(latents.cpu().numpy(), values.cpu().numpy(), dictionary.n_latents, batch)
    bias, floor = (each[lo : lo + BLOCK].cpu().numpy() for each in (dictionary.bias, dictionary.floor))
    return above(dictionary.pre(read, lo).cpu().numpy(), bias, floor, lo, batch)
