"""How alike latents of two dictionaries fire: Pearson correlations over a corpus, in bounded memory."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import torch
from jaxtyping import Float, Int
from torch import Tensor

from pipeline.core.matching import Nearest, nearest

CHUNK = 2048  # pairs multiplied at once


class Sums:
    """Sums of x, y, x², y² and xy over tokens, of pairs of latents; memory is that of the pairs."""

    def __init__(self, pairs: Int[np.ndarray, "pair two"]) -> None:
        self.pairs = torch.from_numpy(np.ascontiguousarray(pairs))
        self.n = 0
        self.sums = torch.zeros(5, len(pairs), dtype=torch.float64)

    @torch.inference_mode()
    def add(self, a: Float[Tensor, "token latent_a"], b: Float[Tensor, "token latent_b"]) -> None:
        """Takes in the activations of both dictionaries at the same tokens."""
        i, j = self.pairs.to(a.device).T
        x, y = a.T.contiguous(), b.T.contiguous()
        alone = [each[of].cpu().double() for each, of in ((x.sum(1), i), (y.sum(1), j))]
        squared = [each[of].cpu().double() for each, of in ((x.square().sum(1), i), (y.square().sum(1), j))]
        cut = range(0, len(self.pairs), CHUNK)
        parts = [torch.linalg.vecdot(x[i[lo : lo + CHUNK]], y[j[lo : lo + CHUNK]]) for lo in cut]
        self.sums += torch.stack([*alone, *squared, torch.cat(parts).cpu().double()])
        self.n += len(a)

    def correlation(self) -> Float[np.ndarray, " pair"]:
        """Pearson's r of each pair; NaN where either latent never varies."""
        return _pearson(self.n, *self.sums.numpy()).astype(np.float32)

    def state(self) -> dict[str, np.ndarray]:
        """All that was taken in."""
        return {"n": np.array(self.n), "sums": self.sums.numpy()}

    def restore(self, state: dict[str, np.ndarray]) -> None:
        """Goes on from a state."""
        self.n, self.sums = int(state["n"]), torch.from_numpy(state["sums"])


class Sample:
    """The activations of one dictionary at a sample of tokens; only those that are not 0 are kept."""

    def __init__(self, n_latents: int) -> None:
        self.n_latents, self.n = n_latents, 0
        self._parts: list[tuple[Tensor, Tensor, Tensor]] = []

    def add(self, acts: Float[Tensor, "token latent"]) -> None:
        """Takes in further tokens."""
        token, latent = acts.nonzero(as_tuple=True)
        values = acts[token, latent]
        self._parts.append(((token + self.n).cpu(), latent.cpu(), values.cpu()))
        self.n += len(acts)

    def entries(self) -> Entries:
        """All of it, latent after latent."""
        token, latent, value = (torch.cat(parts) for parts in zip(*self._parts, strict=True))
        order = latent.argsort(stable=True)
        return Entries(self.n_latents, self.n, token[order], latent[order], value[order])


@dataclass(frozen=True)
class Entries:
    """A sparse matrix of activations, [latent, token], by its entries in the order of latents."""

    n_latents: int
    n: int
    token: Int[Tensor, " entry"]
    latent: Int[Tensor, " entry"]
    value: Float[Tensor, " entry"]

    def standard(self) -> Entries:
        """The same with each latent's entries divided by its norm about its mean; 0 if it never varies."""
        total = torch.zeros(self.n_latents, dtype=torch.float64)
        squares = total.index_add(0, self.latent, self.value.double().square())
        total = total.index_add(0, self.latent, self.value.double())
        norm = (squares - total.square() / self.n).clamp(min=0).sqrt()
        scale = torch.where(norm > 0, 1 / norm, 0.0)
        return Entries(
            self.n_latents, self.n, self.token, self.latent, (self.value * scale[self.latent]).float()
        )

    def means(self) -> Float[Tensor, " latent"]:
        """Mean of each latent over all tokens."""
        total = torch.zeros(self.n_latents, dtype=torch.float64)
        return (total.index_add(0, self.latent, self.value.double()) / self.n).float()

    def rows(self) -> Tensor:
        """As a sparse matrix."""
        index, shape = torch.stack([self.latent, self.token]), (self.n_latents, self.n)
        return torch.sparse_coo_tensor(index, self.value, shape, is_coalesced=True, check_invariants=True)

    def dense(self, block: slice) -> Float[Tensor, "block token"]:
        """Some rows of it."""
        lo, hi = torch.searchsorted(self.latent, torch.tensor([block.start, block.stop])).tolist()
        found = torch.zeros(block.stop - block.start, self.n)
        found[self.latent[lo:hi] - block.start, self.token[lo:hi]] = self.value[lo:hi]
        return found


def by_correlation(a: Entries, b: Entries) -> Nearest:
    """By the correlation over the sample: cov(x, y) / (σx σy)."""
    x, y = a.standard(), b.standard()
    sparse, mean_x, mean_y = y.rows(), x.means(), y.means()

    def similar(block: slice) -> Tensor:
        return (sparse @ x.dense(block).T).T - a.n * mean_x[block][:, None] * mean_y

    return nearest(a.n_latents, b.n_latents, similar)


def candidates(n_b: int, *found: Nearest) -> Int[np.ndarray, "pair two"]:
    """The pairs of all lists, each once, in the order of A's latents and then B's."""
    pairs = np.concatenate([each.pairs() for each in found])
    name = np.unique(pairs[:, 0] * n_b + pairs[:, 1])
    return np.stack([name // n_b, name % n_b], axis=1)


def most_correlated(
    own: Int[np.ndarray, " pair"], other: Int[np.ndarray, " pair"], r: Float[np.ndarray, " pair"], n: int
) -> tuple[Int[np.ndarray, " own"], Float[np.ndarray, " own"]]:
    """Of each of `n` latents the candidate of largest correlation, ties to the lower, and that correlation.

    NaN, and latent 0, where none is told.
    """
    index, value = np.zeros(n, np.int64), np.full(n, np.nan, np.float32)
    order = np.lexsort((-other, r, own))
    told = order[~np.isnan(r[order])]
    index[own[told]], value[own[told]] = other[told], r[told]  # the last one told of each is the largest
    return index, value


def correlation_of(
    pairs: Int[np.ndarray, "pair two"],
    r: Float[np.ndarray, " pair"],
    chosen: tuple[Int[np.ndarray, " chosen"], Int[np.ndarray, " chosen"]],
    n_b: int,
) -> Float[np.ndarray, " chosen"]:
    """The correlations of some of the pairs."""
    a, b = chosen
    return r[np.searchsorted(pairs[:, 0] * n_b + pairs[:, 1], a * n_b + b)]


def _pearson(
    n: int, x: np.ndarray, y: np.ndarray, xx: np.ndarray, yy: np.ndarray, xy: np.ndarray
) -> np.ndarray:
    """(n Σxy - Σx Σy) / sqrt((n Σx² - (Σx)²)(n Σy² - (Σy)²))."""
    spread = np.sqrt(np.maximum(n * xx - x * x, 0) * np.maximum(n * yy - y * y, 0))
    with np.errstate(invalid="ignore", divide="ignore"):
        return np.where(spread > 0, (n * xy - x * y) / spread, np.nan)
