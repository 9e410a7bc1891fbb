"""What latents make of an activation: a dictionary's alone, or those of a cross-layer set together."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import torch
from jaxtyping import Float
from torch import Tensor

from feature_atlas.address import HookPoint
from pipeline.core.dictionaries import Dictionary
from pipeline.core.inputs import Acts, activation, caught_for
from pipeline.core.model import SubjectModel


@dataclass(frozen=True)
class Reconstruction:
    """`makers` are all dictionaries that write to where the last of them does."""

    makers: Sequence[Dictionary]

    @property
    def dictionary(self) -> Dictionary:
        """The one whose activation is reconstructed."""
        return self.makers[-1]

    def points(self, model: SubjectModel) -> list[HookPoint]:
        """What must be caught of the model for it."""
        return sorted(caught_for(self.makers, model.shape))

    @torch.inference_mode()
    def of(
        self, acts: Acts, model: SubjectModel
    ) -> tuple[Float[Tensor, "token latent"], Float[Tensor, "token d_out"]]:
        """The dictionary's own latents, and y_hat: what it and the makers before it write, added up."""
        x = activation(self.dictionary, acts, model)
        latents = self.dictionary.encode(x)
        y = self.dictionary.decode(latents, x)
        for before, maker in enumerate(reversed(self.makers[:-1]), start=1):
            assert maker.writes is not None
            y = y + maker.encode(activation(maker, acts, model)) @ maker.writes[:, before]
        return latents, y


def reconstruction_of(dictionary: Dictionary, dictionaries: list[Dictionary]) -> Reconstruction | None:
    """None if no activation of the model is reconstructed, or not all that write to it are there.

    A norm's output without its gain (folded) is no activation of the model; neurons are one themselves.
    """
    folded = "fold_norms" in dictionary.processing and dictionary.hook_out.point in ("ln1_out", "ln2_out")
    if dictionary.kind == "neurons" or folded:
        return None
    if dictionary.writes is None:
        return Reconstruction([dictionary])
    makers = [
        each
        for each in dictionaries
        if each.set == dictionary.set and each.hook_in.layer <= dictionary.hook_in.layer
    ]
    complete = dictionary.set and len(makers) == dictionary.hook_in.layer + 1
    return Reconstruction(makers) if complete else None
