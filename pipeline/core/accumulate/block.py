"""A block of activations as the accumulators see it."""

from __future__ import annotations

from dataclasses import dataclass
from functools import cached_property

import numpy as np
from jaxtyping import Float, Integer

from pipeline.core.windows import Batch


@dataclass(frozen=True)
class Block:
    """Latents `lo`, `lo + 1`, … over the counted positions of a batch, latents-major."""

    acts: Float[np.ndarray, "latent column"]
    lo: int
    batch: Batch

    @property
    def rows(self) -> slice:
        """The block's latents in arrays over the whole dictionary."""
        return slice(self.lo, self.lo + len(self.acts))

    @cached_property
    def firing(self) -> Integer[np.ndarray, " firing"]:
        """Where activation > 0, as flat indices: latent by latent, columns ascending."""
        return np.flatnonzero(self.acts > 0)

    @cached_property
    def latent(self) -> Integer[np.ndarray, " firing"]:
        """Latent of each firing, counted from `lo`."""
        return self.firing // self.acts.shape[1]

    @cached_property
    def column(self) -> Integer[np.ndarray, " firing"]:
        """Column of each firing."""
        return self.firing - self.latent * self.acts.shape[1]

    @cached_property
    def value(self) -> Float[np.ndarray, " firing"]:
        """Activation of each firing."""
        return self.acts.ravel()[self.firing]
