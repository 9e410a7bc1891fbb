"""Which latents fire where, found on the device that holds their activations: only firings leave it.

The same firings, in the same order and with the same bits, as the compiled loops find on the CPU
(`accumulate/block.py`). `edge`, `column` and `value` are Block's.
"""

from __future__ import annotations

import torch
from jaxtyping import Float32, Int32, Int64
from torch import Tensor

Firings = tuple[
    Int64[Tensor, " latent_edge"],
    Int32[Tensor, " firing"],
    Float32[Tensor, " firing"],
]


def above_on_device(
    pre: Float32[Tensor, "latent column"],
    bias: Float32[Tensor, " latent"],
    floor: Float32[Tensor, " latent"],
) -> Firings:
    """Fires where pre + bias > floor: ReLU (floor 0) and JumpReLU."""
    h = pre + bias[:, None]
    place = (h > floor[:, None]).flatten().nonzero().squeeze(1)
    return _rows(place, h.flatten()[place], *h.shape)


def listed_on_device(
    latents: Int64[Tensor, "column k"], values: Float32[Tensor, "column k"], n_latents: int
) -> Firings:
    """Each position's k latents (TopK); a value of 0 is no firing. Sorts k x columns numbers."""
    n_columns = len(latents)
    column = torch.arange(n_columns, device=latents.device)[:, None]
    fires = values > 0
    place, order = (latents * n_columns + column)[fires].sort()
    return _rows(place, values[fires][order], n_latents, n_columns)


def _rows(
    place: Int64[Tensor, " firing"], value: Float32[Tensor, " firing"], n_latents: int, n_columns: int
) -> Firings:
    """`place` is latent x n_columns + column, ascending; a latent's firings begin where its row does."""
    row = torch.arange(n_latents + 1, device=place.device) * n_columns
    return torch.searchsorted(place, row), (place % n_columns).int(), value
