"""What TransformerLens does to a model's weights before it runs it, done to an activation instead."""

from __future__ import annotations

from collections.abc import Collection
from dataclasses import dataclass, fields

from jaxtyping import Float
from torch import Tensor

from feature_atlas.address import HookPoint
from feature_atlas.errors import InputError
from pipeline.core.architectures import Family
from pipeline.core.model import SubjectModel
from pipeline.core.shape import Shape

_WRITES = ("resid_pre", "attn_out", "resid_mid", "mlp_out", "resid_post")


@dataclass(frozen=True)
class Processing:
    """The parts of its processing that show at a hook point; the model computes the same with all of them.

    `centre_writes`: what is in or is added to the residual stream has mean 0 over d_model, since a
    LayerNorm reads nothing else of it. `fold_norms`: `ln1_out` and `ln2_out` are without gain and bias,
    which are in the weights that read them (of an RMSNorm TransformerLens tells no other). Values are,
    with `fold_value_biases`, without b_V, which reaches `attn_out` all the same, since a pattern's rows
    add up to 1; where norms are folded too, b_V has come to hold the norm's bias @ W_V. Left out are
    parts that change no activation (weights that read the stream are centred) or only logits (the
    unembedding is).
    """

    centre_writes: bool
    fold_norms: bool
    fold_value_biases: bool

    @classmethod
    def of(cls, names: Collection[str]) -> Processing:
        """That with the parts of these names."""
        return cls(**{part.name: part.name in names for part in fields(cls)})

    def check(self, family: Family) -> None:
        """Raises InputError if such models can't be processed so."""
        if self.centre_writes and family.rms:
            raise InputError(
                f"{family.architecture} can't have its writes centred: its RMSNorm reads the mean of the"
                " residual stream too; give a dictionary trained without centring"
            )

    def caught_at(self, point: HookPoint, shape: Shape) -> HookPoint:
        """The hook point whose activation `apply` takes to tell `point`'s.

        Of a folded norm it is the norm's input: a gain of 0 can't be divided out of its output.
        """
        if not self.fold_norms or point.point not in ("ln1_out", "ln2_out"):
            return point
        before = "resid_pre" if point.point == "ln1_out" or shape.parallel else "resid_mid"
        return HookPoint(before, point.layer)

    def centres(self, point: HookPoint) -> bool:
        """Whether it takes the mean off the activation at `point`."""
        return self.centre_writes and point.point in _WRITES

    def apply(
        self, point: HookPoint, x: Float[Tensor, "window ..."], model: SubjectModel
    ) -> Float[Tensor, "window ..."]:
        """The activation at `point` of the processed model, from the model's own at `caught_at(point)`."""
        self.check(model.family)
        if self.centres(point):
            return x - x.mean(-1, keepdim=True)
        if self.fold_norms and point.point in ("ln1_out", "ln2_out"):
            ln1, ln2 = model.norms(point.layer)
            return (ln1 if point.point == "ln1_out" else ln2).normalised(x)
        if self.fold_value_biases and point.point in ("attn_v", "attn_z"):
            bias = model.value_bias(point.layer, self.fold_norms)
            if bias is not None:
                return x - (bias.flatten() if point.point == "attn_z" else bias[:, None])
        return x
