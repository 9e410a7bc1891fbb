"""What dictionaries take of a forward pass: activations as the model has them that they were trained on."""

from __future__ import annotations

from collections.abc import Iterable, Mapping

from jaxtyping import Float
from torch import Tensor

from feature_atlas.address import HookPoint
from pipeline.core.dictionaries import Dictionary
from pipeline.core.model import SubjectModel
from pipeline.core.processing import Processing
from pipeline.core.shape import Shape

Acts = Mapping[HookPoint, Float[Tensor, "... width"]]


def processing_of(dictionary: Dictionary) -> Processing:
    """What was done to that model."""
    return Processing.of(dictionary.processing)


def caught_for(dictionaries: Iterable[Dictionary], shape: Shape) -> set[HookPoint]:
    """The model's own hook points whose activations tell what dictionaries read, and which heads wrote it."""
    chosen = list(dictionaries)
    read = {processing_of(each).caught_at(each.hook_in, shape) for each in chosen}
    return read | {HookPoint("attn_z", each.hook_in.layer) for each in chosen if reads_heads(each)}


def reads_heads(dictionary: Dictionary) -> bool:
    """Whether the heads of a layer write what it reads."""
    return dictionary.hook_in.point in ("attn_z", "attn_out") and not dictionary.two_signed


def activation(dictionary: Dictionary, acts: Acts, model: SubjectModel) -> Float[Tensor, "... d_in"]:
    """x of a dictionary, from the model's activations at what `caught_for` names."""
    processing = processing_of(dictionary)
    caught = acts[processing.caught_at(dictionary.hook_in, model.shape)]
    return processing.apply(dictionary.hook_in, caught, model)
