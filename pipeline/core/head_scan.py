"""Everything the scan keeps of the heads of one layer."""

from __future__ import annotations

import numpy as np
import torch
from jaxtyping import Float, Float32, Integer
from torch import Tensor

from pipeline.core.accumulate.attention import Attention
from pipeline.core.accumulate.head_sums import HeadSums
from pipeline.core.accumulate.head_types import HeadTypes
from pipeline.core.accumulate.head_windows import HeadWindows
from pipeline.core.heads import HeadGroup
from pipeline.core.params import ScanParams
from pipeline.core.windows import Batch


class HeadScan:
    """The accumulators of a layer's heads, and their state as one set of arrays.

    `factor` is that of `write_factor`, `counts` the occurrences of every type in the corpus.
    """

    def __init__(
        self,
        group: HeadGroup,
        factor: Float[Tensor, "head d_head rank"],
        ctx: int,
        params: ScanParams,
        counts: Integer[np.ndarray, " type"],
    ) -> None:
        self.group, self._factor = group, factor
        self._made_of = (group, factor, ctx, params, counts)
        self.types = HeadTypes(group.n_heads, counts, params.fires_on_types)
        self.parts: dict[str, HeadSums | HeadTypes | HeadWindows] = {
            "sums": HeadSums(group.n_heads, ctx),
            "types": self.types,
            "windows": HeadWindows(group.n_heads, ctx, group.id, params.seed),
        }

    @property
    def id(self) -> str:
        """The group's name."""
        return self.group.id

    @torch.inference_mode()
    def add(
        self,
        head: int,
        batches: tuple[Batch, ...],
        patterns: list[Float32[np.ndarray, "_ head query key"]],
        values: list[Float[Tensor, "_ head pos d_head"]],
    ) -> None:
        """Takes in what one head does in some batches, in order."""
        for batch, pattern, value in zip(batches, patterns, values, strict=True):
            norm = (value[:, head] @ self._factor[head]).norm(dim=-1)
            seen = Attention.of(batch, head, pattern, norm.cpu().numpy())
            for part in self.parts.values():
                part.add(seen)

    def fresh(self) -> HeadScan:
        """Another of the same heads, empty."""
        return HeadScan(*self._made_of)

    def merge(self, later: HeadScan) -> None:
        """Takes in what another gathered of later windows."""
        for name, part in self.parts.items():
            part.merge(later.parts[name])  # type: ignore[arg-type]

    def state(self) -> dict[str, np.ndarray]:
        """Every array kept, by a name that says whose it is."""
        return {
            f"{name}/{k}": array for name, part in self.parts.items() for k, array in part.state().items()
        }

    def result(self) -> dict[str, np.ndarray]:
        """The arrays that the atlas is made of: the state, and the types that it tells of."""
        return {**self.state(), "types/type": self.types.types}
