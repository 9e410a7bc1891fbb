"""Two dictionaries' activations at the same tokens, each read from its own model."""

from __future__ import annotations

from collections.abc import Generator, Sequence
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass

import numpy as np
from jaxtyping import Float
from torch import Tensor

from feature_atlas import Atlas
from feature_atlas.store import Group
from pipeline.core.dictionaries import Dictionary
from pipeline.core.inputs import Acts, activation, caught_for
from pipeline.core.model import Read, SubjectModel
from pipeline.core.sweep import counted
from pipeline.core.windows import Batch, Corpus, Windows


def windows_of(atlas: Atlas) -> Windows:
    """The windows of an atlas's corpus, as its manifest says they were cut."""
    group, told = Group(f"{atlas.run_url}/corpus.zarr"), atlas.manifest
    corpus = Corpus(
        tokens=group.read("tokens"),
        starts=group.read("document_start").astype(np.int64),
        ids=group.read("document_id").tolist(),
        owners=group.read("document_source").tolist(),
        sources=list(told.corpus.sources),
        too_short=told.corpus.too_short,
    )
    return Windows(corpus, told.windowing.ctx, told.windowing.bos_token_id)


def unlike(a: Atlas, b: Atlas) -> str:
    """Why the two can't read the same windows; empty if they can."""
    cut = [(w.ctx, w.stride, w.bos_token_id, w.skipped) for w in (a.manifest.windowing, b.manifest.windowing)]
    if cut[0] != cut[1]:
        return "their windows are cut in different ways"
    return "" if a.vocabulary == b.vocabulary else "their models read different token types"


@dataclass(frozen=True)
class Placed:
    """A dictionary and the model that it is read from."""

    model: SubjectModel
    dictionary: Dictionary

    def of(self, caught: dict[int, Acts]) -> Float[Tensor, "column latent"]:
        """Its activations at the counted positions of the batch that was read."""
        return self.dictionary.encode(activation(self.dictionary, caught[id(self.model)], self.model))


class Reader:
    """Runs each model once a batch."""

    def __init__(self, reads: Sequence[tuple[SubjectModel, Read]]) -> None:
        self._reads = reads

    def caught(self, batch: Batch) -> dict[int, Acts]:
        """By model its activations at the counted positions of a batch."""
        return {id(model): counted(model, read, batch) for model, read in self._reads}


@contextmanager
def reading(placed: Sequence[Placed]) -> Generator[Reader]:
    """While open, what reads all that these dictionaries take."""
    models = {id(each.model): each.model for each in placed}
    with ExitStack() as stack:
        reads: list[tuple[SubjectModel, Read]] = []
        for key, model in models.items():
            points = caught_for([each.dictionary for each in placed if id(each.model) == key], model.shape)
            reads.append((model, stack.enter_context(model.catching(points))))
        yield Reader(reads)
