"""Activations of some units of a dictionary in some windows, computed again to be held against an atlas."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np
import torch
from jaxtyping import Bool, Float, Float32, Int, Int64
from torch import Tensor

from pipeline.core.dictionaries import Dictionary
from pipeline.core.inputs import activation, caught_for
from pipeline.core.model import SubjectModel
from pipeline.core.progress import step
from pipeline.core.sweep import counted
from pipeline.core.windows import Windows

BATCH = 16  # windows
# Sums of products in another order, or on another device, differ by up to about this part of the product
# of the two vectors' lengths: what h lies so near to what decides on firing may be on either side of it.
NEAR = 1e-5


@dataclass(frozen=True)
class Chosen:
    """Units of a dictionary, and the windows, ascending, in which they are computed again."""

    dictionary: Dictionary
    units: Int64[np.ndarray, " unit"]
    window: Int64[np.ndarray, " window"]


@dataclass(frozen=True)
class Again:
    """Activations computed again; 0 at positions that are not counted.

    `doubt` marks those that the rounding of a sum may turn on or off.
    """

    window: Int64[np.ndarray, " window"]
    acts: Float32[np.ndarray, "unit window pos"]
    doubt: Bool[np.ndarray, "unit window pos"]

    @classmethod
    def room(cls, chosen: Chosen, ctx: int) -> Again:
        """For what is to be computed."""
        shape = (len(chosen.units), len(chosen.window), ctx)
        return cls(chosen.window, np.zeros(shape, np.float32), np.zeros(shape, bool))


@torch.inference_mode()
def recompute(model: SubjectModel, windows: Windows, chosen: Mapping[str, Chosen]) -> dict[str, Again]:
    """By dictionary what its chosen units do in its chosen windows; each window is read once for all."""
    found = {name: Again.room(each, windows.ctx) for name, each in chosen.items()}
    placed = {name: each.dictionary.to(model.device) for name, each in chosen.items()}
    order = np.unique(np.concatenate([each.window for each in chosen.values()]))
    points = caught_for(placed.values(), model.shape)
    with model.catching(points) as read, step("deep", len(order), "windows") as progress:
        for number, batch in enumerate(windows.batches(BATCH, order)):
            here = order[number * BATCH : (number + 1) * BATCH]
            acts = counted(model, read, batch)
            for name, each in chosen.items():
                asked = np.isin(here, each.window)
                columns = asked[batch.window]
                if not columns.any():
                    continue
                x = activation(placed[name], acts, model)[torch.from_numpy(columns).to(model.device)]
                values, doubt = _activations(placed[name], x, torch.from_numpy(each.units).to(x.device))
                where = (
                    np.searchsorted(each.window, here[batch.window[columns]]),
                    _index(batch.counted)[columns],
                )
                found[name].acts[:, *where] = values.T.cpu().numpy()
                found[name].doubt[:, *where] = doubt.T.cpu().numpy()
            progress.advance(len(here))
    return found


def _index(counted: Bool[np.ndarray, "window pos"]) -> Int64[np.ndarray, " column"]:
    """The window index of each column."""
    return np.nonzero(counted)[1]


def _activations(
    dictionary: Dictionary, x: Float[Tensor, "token d_in"], units: Int[Tensor, " unit"]
) -> tuple[Float[Tensor, "token unit"], Bool[Tensor, "token unit"]]:
    acts = dictionary.encode_some(x, units)
    if dictionary.W_enc is None:
        return acts, torch.zeros_like(acts, dtype=torch.bool)
    read, W_enc = dictionary.read(x), dictionary.W_enc[:, units]
    h = torch.addmm(dictionary.bias[units], read, W_enc)
    near = NEAR * read.norm(dim=-1, keepdim=True) * W_enc.norm(dim=0)
    bar = _bar(dictionary, read, units, h)
    return acts, ((h - bar).abs() <= near) | (h.abs() <= near)


def _bar(
    dictionary: Dictionary,
    read: Float[Tensor, "token d_in"],
    units: Int[Tensor, " unit"],
    h: Float[Tensor, "token unit"],
) -> Float[Tensor, "token unit"]:
    """What h must exceed for a unit to fire: its floor, or the largest h that is not among the k largest.

    Of a unit that is not among them it is the k-th largest.
    """
    if dictionary.k is None:
        return dictionary.floor[units].expand_as(h)
    assert dictionary.W_enc is not None
    n_groups, kept = (dictionary.k, 1) if dictionary.grouped else (1, dictionary.k)
    size = dictionary.n_latents // n_groups
    if kept >= size:
        return torch.zeros_like(h)
    every = torch.addmm(dictionary.bias, read, dictionary.W_enc).unflatten(-1, (n_groups, -1))
    top = every.topk(kept + 1, dim=-1).values[:, units // size]
    last, first_left_out = top[..., -2], top[..., -1]
    return first_left_out.where(h >= last, last)
