"""Which latents of two dictionaries are alike, by the cosine of what they write."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np
import torch
from jaxtyping import Float, Int, UInt8
from torch import Tensor

THRESHOLD = 0.7  # cosine from which two latents count as alike; docs/decisions/0018-compare.md says why
CANDIDATES = 8  # latents of the other dictionary that are looked at more closely, of each and by each measure
BLOCK = 1024  # latents compared with all others at once

# Values of `kind`, in the order of the words in feature_atlas/comparison.py.
ALONE, SEVERAL, SHARES, MATCHED, NEAR = range(5)


@dataclass(frozen=True)
class Nearest:
    """Of each latent of either side the largest similarities to the other side's, largest first."""

    a: Int[np.ndarray, "latent_a candidate"]
    a_value: Float[np.ndarray, "latent_a candidate"]
    b: Int[np.ndarray, "latent_b candidate"]
    b_value: Float[np.ndarray, "latent_b candidate"]

    def pairs(self) -> Int[np.ndarray, "pair two"]:
        """Every (latent of A, latent of B) in either list."""
        of_a = np.stack([np.repeat(np.arange(len(self.a)), self.a.shape[1]), self.a.ravel()], axis=1)
        of_b = np.stack([self.b.ravel(), np.repeat(np.arange(len(self.b)), self.b.shape[1])], axis=1)
        return np.concatenate([of_a, of_b])


@torch.inference_mode()
def nearest(n_a: int, n_b: int, similar: Callable[[slice], Tensor], k: int = CANDIDATES) -> Nearest:
    """`similar` gives the similarities of a block of A's latents to all of B's, [block, latent_b].

    Holds one such block at a time.
    """
    rows: list[tuple[Tensor, Tensor]] = []
    kept = torch.full((0, n_b), -torch.inf), torch.zeros((0, n_b), dtype=torch.long)
    for lo in range(0, n_a, BLOCK):
        block = similar(slice(lo, min(n_a, lo + BLOCK))).cpu()
        largest = block.topk(min(k, n_b), dim=1)
        rows.append((largest.values, largest.indices))
        index = torch.arange(lo, lo + len(block))[:, None].expand(-1, n_b)
        values, indices = torch.cat([kept[0], block]), torch.cat([kept[1], index])
        top, where = values.topk(min(k, len(values)), dim=0)
        kept = top, indices.gather(0, where)
    value, index = (torch.cat(parts).numpy() for parts in zip(*rows, strict=True))
    return Nearest(index, value, kept[1].T.numpy(), kept[0].T.numpy())


def by_cosine(a: Float[Tensor, "latent_a d_out"], b: Float[Tensor, "latent_b d_out"]) -> Nearest:
    """By the cosine of the directions; that of a direction of length 0 is 0 with all."""
    unit_a, unit_b = (torch.nn.functional.normalize(each, dim=-1) for each in (a, b))
    return nearest(len(a), len(b), lambda block: unit_a[block] @ unit_b.T)


def kinds(
    found: Nearest, threshold: float = THRESHOLD
) -> tuple[UInt8[np.ndarray, " latent_a"], UInt8[np.ndarray, " latent_b"]]:
    """What became of each latent of A, and where each of B comes from.

    A latent leans on its nearest one if their cosine is at least the threshold. ALONE leans on none.
    On SEVERAL at least two lean. One that SHARES leans, with others, on the same. MATCHED are two that
    lean on each other and on which no other leans. All others are NEAR one that leans elsewhere.
    """
    a, b = found.a[:, 0], found.b[:, 0]
    leans_a, leans_b = found.a_value[:, 0] >= threshold, found.b_value[:, 0] >= threshold
    on_a = np.bincount(b[leans_b], minlength=len(a))
    on_b = np.bincount(a[leans_a], minlength=len(b))
    return _kinds(a, leans_a, on_a, on_b, b), _kinds(b, leans_b, on_b, on_a, a)


def _kinds(
    nearest_: Int[np.ndarray, " own"],
    leans: np.ndarray,
    on_own: Int[np.ndarray, " own"],
    on_other: Int[np.ndarray, " other"],
    back: Int[np.ndarray, " other"],
) -> UInt8[np.ndarray, " own"]:
    mutual = back[nearest_] == np.arange(len(nearest_))
    chosen = [~leans, on_own >= 2, on_other[nearest_] >= 2, mutual]
    return np.select(chosen, [ALONE, SEVERAL, SHARES, MATCHED], NEAR).astype(np.uint8)
