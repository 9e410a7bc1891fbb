"""Which attention heads a latent's activation comes from."""

from __future__ import annotations

import numpy as np
from jaxtyping import Float32

from pipeline.core.accumulate.block import Block
from pipeline.core.accumulate.kernel import summing


class HeadParts:
    """Sums over a latent's firings of each head's part in h, in float64; exact over the corpus.

    h = sum over heads of z_head . directions[latent, head] + terms that no head writes.
    """

    def __init__(self, directions: Float32[np.ndarray, "latent head d_head"]) -> None:
        self._directions = directions
        self.sums = np.zeros(directions.shape[:2])

    def add(self, block: Block, z: Float32[np.ndarray, "column width"]) -> None:
        """Takes in one block; `z` has the heads concatenated."""
        _add(block.edge, block.column, z, self._directions[block.rows], self.sums[block.rows])

    def merge(self, later: HeadParts) -> None:
        """Takes in what another gathered of later windows."""
        self.sums += later.sums

    def state(self) -> dict[str, np.ndarray]:
        """The array to save and restore."""
        return {"sums": self.sums}


@summing
def _add(edge, columns, z, directions, sums):
    _, n_heads, d_head = directions.shape
    for latent in range(len(edge) - 1):
        for i in range(edge[latent], edge[latent + 1]):
            at = z[columns[i]]
            for head in range(n_heads):
                direction, first = directions[latent, head], head * d_head
                part = np.float32(0)
                for d in range(d_head):
                    part += at[first + d] * direction[d]
                sums[latent, head] += part
