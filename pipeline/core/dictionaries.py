"""Dictionaries: sets of latents read at a hook point. What they compute, whatever file they came from."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from functools import cached_property
from typing import Literal

import torch
from jaxtyping import Float, Int
from torch import Tensor

from feature_atlas.address import HookPoint
from feature_atlas.manifest import QualityRecord
from pipeline.core.brought import Labels
from pipeline.core.normalize import Normalization, normalized

ENCODER = ("W_enc", "b_enc", "b_pre", "threshold")
ARRAYS = (*ENCODER, "W_dec", "b_dec", "W_skip", "writes")
BLOCK = 1024  # latents encoded at a time: 1,024 x 2,048 floats are 8 MiB, which stay in cache


@dataclass(frozen=True)
class Dictionary:
    """Latents of `hook_in` that write to `hook_out`.

    The identity dictionary (`kind` neurons) has no matrices: its latents are the coordinates of
    the activation, of either sign. Of the others acts = f(h), h = (n(x) - b_pre) @ W_enc + b_enc,
    where x is the activation at `hook_in` and n its normalization; the reconstruction of the
    activation at `hook_out` is n'(acts @ W_dec + b_dec) + x @ W_skip, where n' undoes n for an SAE
    and is nothing for a transcoder. f is relu; with `k`, relu of the k largest of each position and
    all others 0 (TopK), or with `grouped` of the largest in each of k equal runs of latents
    (groupmax); with `threshold`, h where h > max(threshold, 0), else 0 (JumpReLU).

    What files hold beyond that is folded in when they are read: a gate is a threshold, decoder norms
    and scales of the input are factors of W_enc and W_dec. `folded` names what was. `processing` names
    what was done to the model on which it was trained, whose activations x are.

    A cross-layer transcoder's latents write to the MLP outputs of their own layer and of all after it:
    `writes` holds each of these, W_dec their sum, which is what a latent adds to the final residual stream.
    Only the dictionaries of the same `set` reconstruct an activation, together (core/reconstruction.py).
    """

    id: str
    kind: Literal["neurons", "sae", "transcoder"]
    architecture: str
    hook_in: HookPoint
    hook_out: HookPoint
    n_latents: int
    weights: str
    source: str
    k: int | None = None
    grouped: bool = False
    normalization: Normalization = "none"
    W_enc: Float[Tensor, "d_in latent"] | None = None
    b_enc: Float[Tensor, " latent"] | None = None
    b_pre: Float[Tensor, " d_in"] | None = None
    W_dec: Float[Tensor, "latent d_out"] | None = None
    b_dec: Float[Tensor, " d_out"] | None = None
    W_skip: Float[Tensor, "d_in d_out"] | None = None
    writes: Float[Tensor, "latent layer d_out"] | None = None
    threshold: Float[Tensor, " latent"] | None = None
    family: str = "model"
    folded: tuple[str, ...] = ()
    processing: tuple[str, ...] = ()
    set: str = ""
    quality: QualityRecord | None = None
    labels: Labels | None = None

    @property
    def identity(self) -> tuple[object, ...]:
        """All that determines what it computes, for the digests of the stages."""
        settings = (self.architecture, self.k, self.grouped, self.normalization, self.folded, self.processing)
        return (self.id, *settings, str(self.hook_in), str(self.hook_out), self.weights)

    @property
    def two_signed(self) -> bool:
        """Whether activations may be negative, so that the lowest are worth looking at."""
        return self.kind == "neurons"

    @property
    def block_size(self) -> int:
        """Latents encoded at a time; of TopK all, among which the k largest are looked for."""
        return BLOCK if self.k is None else self.n_latents

    def arrays(self, names: Sequence[str] = ARRAYS) -> dict[str, Tensor]:
        """Those of its arrays that it has."""
        return {name: array for name in names if (array := getattr(self, name)) is not None}

    def to(self, device: torch.device, names: Sequence[str] = ARRAYS) -> Dictionary:
        """The same with these arrays on the device; what lies there already is not copied.

        The copy may be under way still: what this thread asks of the device from now on waits for it.
        """
        there = {name: x.to(device, non_blocking=True) for name, x in self.arrays(names).items()}
        return replace(self, **there)

    def part(self, lo: int, device: torch.device) -> Dictionary:
        """The `block_size` latents from `lo` on, with what `pre` and `largest` take of them on the device."""
        block = slice(lo, lo + self.block_size)
        cut = {name: x[..., block] for name, x in self.arrays(("W_enc", "b_enc", "threshold")).items()}
        n_latents = len(range(self.n_latents)[block])
        rest = dict.fromkeys(("W_dec", "b_dec", "b_pre", "W_skip", "writes"))
        return replace(self, n_latents=n_latents, **rest, **cut).to(device)

    @torch.inference_mode()
    def encode(self, x: Float[Tensor, "token d_in"]) -> Float[Tensor, "token latent"]:
        """The latents' activations; bit for bit those that the scan takes in, given the same x."""
        if self.W_enc is None:
            return x
        read = self.read(x)
        if self.k is not None:
            values, latents = self.largest(read)
            return x.new_zeros(len(x), self.n_latents).scatter_(-1, latents, values)
        pre = torch.cat([self.pre(read, lo) for lo in range(0, self.n_latents, BLOCK)])
        pre += self.bias[:, None]
        return pre.where(pre > self.floor[:, None], 0).T

    def encode_some(
        self, x: Float[Tensor, "token d_in"], latents: Int[Tensor, " some"]
    ) -> Float[Tensor, "token some"]:
        """`encode` of these latents alone; of TopK all are encoded, since the k largest are of all."""
        if self.W_enc is None or self.k is not None:
            return self.encode(x)[:, latents]
        cut = {
            name: each[..., latents] for name, each in self.arrays(("W_enc", "b_enc", "threshold")).items()
        }
        return replace(self, n_latents=len(latents), W_dec=None, writes=None, **cut).encode(x)

    @torch.inference_mode()
    def read(self, x: Float[Tensor, "token d_in"]) -> Float[Tensor, "token d_in"]:
        """What W_enc is applied to: n(x) - b_pre."""
        read, _, _ = normalized(x, self.normalization)
        return read if self.b_pre is None else read - self.b_pre.to(x.device)

    @torch.inference_mode()
    def pre(self, read: Float[Tensor, "token d_in"], lo: int) -> Float[Tensor, "latent token"]:
        """read @ W_enc of the up to BLOCK latents from `lo` on, latents-major, without the bias."""
        assert self.W_enc is not None
        return self.W_enc[:, lo : lo + BLOCK].T @ read.T

    @torch.inference_mode()
    def largest(self, read: Float[Tensor, "token d_in"]) -> tuple[Tensor, Tensor]:
        """Of a TopK dictionary: relu of the k largest h of each position, and whose they are."""
        assert self.W_enc is not None and self.k is not None
        h = torch.addmm(self.bias, read, self.W_enc)
        if self.grouped:
            values, within = h.unflatten(-1, (self.k, -1)).max(dim=-1)
            group = torch.arange(0, self.n_latents, self.n_latents // self.k, device=h.device)
            return values.relu_(), within + group
        values, latents = h.topk(self.k, dim=-1, sorted=False)
        return values.relu_(), latents

    @property
    def bias(self) -> Float[Tensor, " latent"]:
        """b_enc."""
        assert self.b_enc is not None
        return self.b_enc

    @cached_property
    def floor(self) -> Float[Tensor, " latent"]:
        """What h must exceed for a latent to fire."""
        return torch.zeros_like(self.bias) if self.threshold is None else self.threshold.relu()

    @torch.inference_mode()
    def decode(
        self, acts: Float[Tensor, "token latent"], x: Float[Tensor, "token d_in"]
    ) -> Float[Tensor, "token d_out"]:
        """The reconstruction of the activation at `hook_out` from the latents of x, its own alone."""
        if self.W_enc is None:
            return acts
        assert self.W_dec is not None and self.b_dec is not None
        y = torch.addmm(self.b_dec, acts, self.W_dec if self.writes is None else self.writes[:, 0])
        if self.kind == "sae" and self.normalization != "none":
            _, mean, scale = normalized(x, self.normalization)
            y = y * scale + mean
        return y if self.W_skip is None else torch.addmm(y, x, self.W_skip)


def mates_of(dictionary: Dictionary, dictionaries: list[Dictionary]) -> list[Dictionary]:
    """The layer's other dictionaries, in their order, with whose latents co-firing is counted.

    None for neurons, which fire nearly everywhere.
    """
    if dictionary.two_signed:
        return []
    layer = dictionary.hook_in.layer
    return [
        each
        for each in dictionaries
        if each.id != dictionary.id and not each.two_signed and each.hook_in.layer == layer
    ]


def neurons(layer: int, d_mlp: int, weights: str) -> Dictionary:
    """The identity dictionary of one MLP: `mlp_post.<layer>`."""
    point = HookPoint("mlp_post", layer)
    return Dictionary(str(point), "neurons", "identity", point, point, d_mlp, weights, "the subject model")
