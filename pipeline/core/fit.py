"""How well a dictionary's reconstruction fits, summed up over batches."""

from __future__ import annotations

from dataclasses import dataclass, field

import numpy as np
import torch
from jaxtyping import Float, Int
from torch import Tensor

from feature_atlas.manifest import DENSITY_BINS


@dataclass
class Fit:
    """Sums over positions of a dictionary's activations, the activation y it writes for, and y_hat.

    `mean` is that of y over all positions.
    """

    mean: Float[Tensor, " d_out"]
    n_latents: int
    n: int = 0
    error: float = 0.0
    variance: float = 0.0
    ratios: float = 0.0
    fired: Int[Tensor, " latent"] = field(init=False)

    def __post_init__(self) -> None:
        self.fired = torch.zeros(self.n_latents, dtype=torch.int64, device=self.mean.device)

    def add(
        self,
        acts: Float[Tensor, "position latent"],
        y: Float[Tensor, "position d_out"],
        y_hat: Float[Tensor, "position d_out"],
    ) -> None:
        """Takes in the positions of a batch."""
        error = (y - y_hat).double().pow(2).sum(-1)
        variance = (y - self.mean).double().pow(2).sum(-1)
        self.n += len(y)
        self.error += error.sum().item()
        self.variance += variance.sum().item()
        self.ratios += (error / variance).sum().item()
        self.fired += (acts > 0).sum(0)

    @property
    def fvu(self) -> float:
        """sum |y - y_hat|^2 / sum |y - mean|^2."""
        return self.error / self.variance

    @property
    def fvu_per_position(self) -> float:
        """Mean over positions of |y - y_hat|^2 / |y - mean|^2."""
        return self.ratios / self.n

    @property
    def l0(self) -> float:
        """Mean number of latents above 0 at a position."""
        return self.fired.sum().item() / self.n

    @property
    def dead(self) -> float:
        """Share of latents above 0 at no position."""
        return (self.fired == 0).double().mean().item()

    def density_histogram(self) -> tuple[int, ...]:
        """Latents by density, quarter decades from 10^-6 to 1.

        Those rarer than that are in the first bin, dead ones in none.
        """
        density = self.fired[self.fired > 0].cpu().numpy() / self.n
        bins = np.clip(np.floor(4 * (np.log10(density) + DENSITY_BINS / 4)), 0, DENSITY_BINS - 1)
        return tuple(np.bincount(bins.astype(np.int64), minlength=DENSITY_BINS).tolist())
