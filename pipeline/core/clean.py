"""What the model does with windows as they are, to be compared with."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import torch
from jaxtyping import Bool, Int, Int64, Integer
from torch import Tensor

from pipeline.core.inputs import Acts
from pipeline.core.model import Read
from pipeline.core.windows import Batch, Windows

READ = 4  # windows read at once, whose last bits depend on what they are read with


@dataclass(frozen=True)
class Clean:
    """Activations at all hook points that are asked for; which positions are counted, as in a `Batch`;
    and the document's next token after each of these, -1 if there is none.
    """

    acts: Acts
    counted: Bool[Tensor, "window pos"]
    target: Int[Tensor, "window pos"]

    def first(self, length: int) -> Clean:
        """The same of the first `length` positions alone."""
        acts = {point: x[:, :length] for point, x in self.acts.items()}
        return Clean(acts, self.counted[:, :length], self.target[:, :length])


def read_clean(read: Read, windows: Windows, order: Integer[np.ndarray, " window"]) -> Clean:
    """Of the windows in `order`, READ at a time."""
    batches = list(windows.batches(READ, order))
    acts = [read(torch.from_numpy(batch.windows)) for batch in batches]
    counted, target = (
        torch.from_numpy(np.concatenate(each))
        for each in ([batch.counted for batch in batches], [_targets(windows, batch) for batch in batches])
    )
    device = next(iter(acts[0].values())).device
    joined = {point: torch.cat([each[point] for each in acts]) for point in acts[0]}
    return Clean(joined, counted.to(device), target.to(device))


def _targets(windows: Windows, batch: Batch) -> Int64[np.ndarray, "window pos"]:
    corpus = windows.corpus
    after = batch.token + 1
    there = after < corpus.starts[windows.documents(batch.token) + 1]
    found = np.full(batch.windows.shape, -1, np.int64)
    found[batch.counted] = np.where(there, corpus.tokens[np.where(there, after, 0)].astype(np.int64), -1)
    return found
