"""Virtual weights: how what one unit writes to the residual stream lies to what another reads from it."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from statistics import NormalDist

import numpy as np
import torch
from jaxtyping import Float
from torch import Tensor

from feature_atlas.contract import N_VIRTUAL, N_WRITERS
from pipeline.core.dictionaries import Dictionary
from pipeline.core.logits import ROWS, largest
from pipeline.core.model import SubjectModel
from pipeline.core.shape import Shape
from pipeline.core.stream import feeds, heads_feed, read_directions, write_directions

Strongest = dict[str, Tensor]


@dataclass(frozen=True)
class Partners:
    """The dictionaries whose latents write what a dictionary's read, and those that read what they write."""

    upstream: list[Dictionary]
    downstream: list[Dictionary]

    @classmethod
    def of(cls, dictionary: Dictionary, dictionaries: list[Dictionary], shape: Shape) -> Partners:
        """Among all, in their order."""
        return cls(
            [each for each in dictionaries if feeds(each, dictionary, shape)],
            [each for each in dictionaries if feeds(dictionary, each, shape)],
        )

    @property
    def identity(self) -> tuple[object, ...]:
        """All that determines who they are and what they do, for the digests of the stages."""
        return tuple([each.identity for each in side] for side in (self.upstream, self.downstream))


@torch.inference_mode()
def virtual_weights(dictionary: Dictionary, partners: Partners, model: SubjectModel) -> dict[str, np.ndarray]:
    """`upstream_*` and `downstream_*` [latent, rank], of the sides that have partners.

    The weight from unit i to unit j is w_i . r_j, w_i what i writes, r_j the direction that j reads. The
    N_VIRTUAL of largest |cosine| of w_i and r_j are kept, with sign.
    """
    found: dict[str, Tensor] = {}
    if partners.upstream:
        reads = read_directions(dictionary, model)
        best = Strongest()
        for number, writer in enumerate(partners.upstream):
            best = _better(best, reads, write_directions(writer, dictionary, model), number)
        found |= {f"upstream_{name}": values for name, values in _filled(best).items()}
    if partners.downstream:
        best = Strongest()
        for number, reader in enumerate(partners.downstream):
            writes = write_directions(dictionary, reader, model)
            best = _better(best, writes, read_directions(reader, model), number)
        found |= {f"downstream_{name}": values for name, values in _filled(best).items()}
    return {name: values.cpu().numpy() for name, values in found.items()}


def _better(
    best: Strongest,
    own: Float[Tensor, "latent d_model"],
    theirs: Float[Tensor, "unit d_model"],
    number: int,
) -> Strongest:
    """The strongest so far and those of one more dictionary; ties to the one before, then the lower index."""
    length = theirs.norm(dim=-1)
    unit = torch.nn.functional.normalize(theirs, dim=-1).T
    parts: list[Strongest] = []
    for rows in torch.arange(len(own), device=own.device).split(ROWS):
        cosine = torch.nn.functional.normalize(own[rows], dim=-1) @ unit
        _, index = largest(cosine.abs(), N_VIRTUAL)
        cosine = cosine.gather(-1, index)
        weight = cosine * length[index] * own[rows].norm(dim=-1, keepdim=True)
        here = {
            "cosine": cosine,
            "weight": weight,
            "dictionary": torch.full_like(index, number),
            "index": index,
        }
        told = {name: torch.cat([best[name][rows], x], -1) if best else x for name, x in here.items()}
        _, order = largest(told["cosine"].abs(), N_VIRTUAL)
        parts.append({name: x.gather(-1, order) for name, x in told.items()})
    return {name: torch.cat([part[name] for part in parts]) for name in parts[0]}


def _filled(best: Strongest) -> Strongest:
    """N_VIRTUAL slots each, those that stay empty all 0."""
    there = best["cosine"] != 0
    lacking = N_VIRTUAL - there.shape[1]
    return {name: torch.nn.functional.pad(x.where(there, 0), (0, lacking)) for name, x in best.items()}


def chance(units: Iterable[Dictionary], d_model: int) -> float:
    """The median of the largest |cosine| that so many units would have if their directions were random.

    A component of a random direction is nearly normal with variance 1 / d_model; the largest of n has its
    median where one alone has a probability of 2^(-1/n) to be below.
    """
    n = sum(each.n_latents for each in units)
    below = 0.5 ** (1 / n)
    return NormalDist().inv_cdf((1 + below) / 2) / d_model**0.5


@torch.inference_mode()
def head_writes(dictionary: Dictionary, model: SubjectModel) -> dict[str, Tensor]:
    """`writer_norm` and `writer_head` [latent, rank]: of the heads before it those of largest ‖W_V W_O r‖.

    r is a latent's read direction at length 1. What a head writes along r is p v W_O . r, summed over the
    positions that it looks at with attention p; v = (gain * x) W_V, x being the normalised stream there.
    Nothing if no head writes what is read.
    """
    layers = [n for n in range(model.n_layers) if heads_feed(n, dictionary, model.shape)]
    if not layers:
        return {}
    r = torch.nn.functional.normalize(read_directions(dictionary, model), dim=-1)
    norms: list[Tensor] = []
    for layer in layers:
        heads, (ln1, _) = model.head_weights(layer), model.norms(layer)
        for W_V, W_O in zip(heads.W_V, heads.W_O, strict=True):
            pull = (r @ W_O.T) @ (ln1.gain[:, None] * W_V).T
            norms.append((pull if ln1.rms else pull - pull.mean(-1, keepdim=True)).norm(dim=-1))
    norm, head = largest(torch.stack(norms, dim=-1), N_WRITERS)
    return {"writer_norm": norm, "writer_head": (head + layers[0] * model.shape.n_heads).where(norm > 0, 0)}
