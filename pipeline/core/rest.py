"""The model from a place in its residual stream on, so that what lies before need not be run again."""

from __future__ import annotations

from collections.abc import Mapping
from functools import partial
from typing import Any

import torch
from jaxtyping import Bool, Float
from torch import Tensor, nn

from feature_atlas.address import HookPoint
from pipeline.core.model import SubjectModel
from pipeline.core.shape import Shape

Taken = Mapping[int, Float[Tensor, "... d_model"]]  # by place what is taken out of the stream there
Given = tuple[tuple[Any, ...], dict[str, Any]]


def place_of(written: HookPoint, shape: Shape) -> int | None:
    """The first place in the stream of which what is written at a hook point is a part; None if of none.

    Place 2 l is the stream before layer l, 2 l + 1 that between its attention and its MLP, which parallel
    blocks do not have, and 2 n_layers that before the final norm.
    """
    if written.point == "resid_pre":
        return 2 * written.layer
    if written.point in ("attn_z", "attn_out", "resid_mid"):
        return 2 * written.layer + (2 if shape.parallel else 1)
    return 2 * written.layer + 2 if written.point in ("mlp_post", "mlp_out", "resid_post") else None


def point_at(place: int) -> HookPoint:
    """The hook point where the stream is at a place."""
    if place % 2:
        return HookPoint("resid_mid", place // 2)
    return HookPoint("resid_post", place // 2 - 1) if place else HookPoint("resid_pre", 0)


class Rest:
    """Runs the later part of a model."""

    def __init__(self, model: SubjectModel) -> None:
        self._model = model
        self._given: dict[int, list[Given]] = {}
        self.end = 2 * model.n_layers

    def attends(self, place: int) -> bool:
        """Whether attention follows, so that a change at one position reaches those after it."""
        return place <= self.end - 2

    @torch.inference_mode()
    def run(
        self, stream: Float[Tensor, "window pos d_model"], taken: Taken, asked: Bool[Tensor, "window pos"]
    ) -> Float[Tensor, "row d_model"]:
        """The stream before the final norm at the positions asked for, had it been `stream` at the first
        place of `taken`. Positions are those from a window's first on.

        As soon as no attention follows, the others are left.
        """
        place, everywhere = min(taken), True
        while True:
            if everywhere and not self.attends(place):
                stream, everywhere = stream[asked], False
            if place in taken:
                stream = stream - (taken[place] if everywhere else taken[place][asked])
            if place == self.end:
                return stream
            stream, place = self._step(stream, place)

    @torch.inference_mode()
    def log_probabilities(self, stream: Float[Tensor, "row d_model"]) -> Float[Tensor, "row d_vocab"]:
        """Of the next token, from the stream before the final norm."""
        network = self._model.network
        norm = network.get_submodule(self._model.family.final_norm)
        return network.get_output_embeddings()(norm(stream)).log_softmax(-1)

    def _step(self, stream: Tensor, place: int) -> tuple[Tensor, int]:
        """From a place to the next: by a layer's attention, by its MLP, or in parallel blocks by both."""
        family, block, parallel = (
            self._model.family,
            self._model.blocks[place // 2],
            self._model.shape.parallel,
        )
        ln1, attn, ln2, mlp = map(block.get_submodule, (family.ln1, family.attn, family.ln2, family.mlp))
        added: Tensor | float = mlp(ln2(stream)) if place % 2 or parallel else 0.0
        if place % 2:
            return stream + added, place + 1
        args, kwargs = self._given_to(stream.shape[1])[place // 2]
        attended, *_ = attn(ln1(stream), *args, **kwargs)
        return stream + attended + added, place + (2 if parallel else 1)

    def _given_to(self, length: int) -> list[Given]:
        """What each attention is given besides its input: rotary angles, a mask.

        It is the same for all windows of one length, and is taken from one forward pass.
        """
        if length not in self._given:
            self._given[length] = []
            handles = [
                block.get_submodule(self._model.family.attn).register_forward_pre_hook(
                    partial(self._keep, length), with_kwargs=True
                )
                for block in self._model.blocks
            ]
            self._model.losses(torch.zeros(1, length, dtype=torch.int64))
            for handle in handles:
                handle.remove()
        return self._given[length]

    def _keep(self, length: int, _: nn.Module, args: tuple[Any, ...], kwargs: dict[str, Any]) -> None:
        others = {name: value for name, value in kwargs.items() if name != "hidden_states"}
        self._given[length].append((args[1:], others))
