"""What is to be built, as far as its cost goes: a model and dictionaries that may not be there yet.

A model folder without weights, and dictionaries given by their size (`ID=size:131072@resid_post.3`), are
stood in for by random ones: of the same widths, but few layers and few latents.
"""

from __future__ import annotations

import os
from collections.abc import Callable, Mapping
from dataclasses import dataclass, replace
from typing import Any

import torch
from jaxtyping import Float
from torch import Tensor

from feature_atlas.address import HookPoint
from feature_atlas.errors import InputError
from pipeline.core.dictionaries import BLOCK, Dictionary
from pipeline.core.dictionary_spec import DictionaryParams, Spec, parse_spec

SIZE = "size:"
LATENTS = max(2, os.cpu_count() or 1) * BLOCK  # of a dictionary that are run: a block for every thread
L0 = 64  # latents that a planned dictionary is taken to have above 0 at a token
STREAM = HookPoint("resid_post", 0)


@dataclass(frozen=True)
class Planned:
    """A dictionary and the first of its latents, which are run in its place.

    `n_latents` are all; `whole` tells hook points in the model as it will be, `part` in the one at hand.
    """

    whole: Dictionary
    part: Dictionary

    @property
    def n_latents(self) -> int:
        """Of the whole."""
        return self.whole.n_latents

    @property
    def weight_bytes(self) -> int:
        """Of its matrices in float32; neurons have none of their own."""
        return sum(4 * each.numel() for each in self.whole.arrays().values())


def split_planned(
    given: Mapping[str, str | DictionaryParams],
) -> tuple[dict[str, str | DictionaryParams], dict[str, Spec]]:
    """The dictionaries whose files are there, and those given by size."""
    specs = {name: parse_spec(name, each) for name, each in given.items()}
    sized = {name: spec for name, spec in specs.items() if spec.path.startswith(SIZE)}
    return {name: each for name, each in given.items() if name not in sized}, sized


def of_size(spec: Spec, width: Callable[[HookPoint], int]) -> Dictionary:
    """The dictionary that a spec `size:N@IN[:OUT]` tells of: shapes without values.

    Raises InputError if it does not say how many latents, or where they read.
    """
    number = spec.path.removeprefix(SIZE)
    if not number.isdecimal() or not int(number) or spec.hook_in is None:
        raise InputError(
            f"dictionary {spec.id!r}: {spec.path} is not size:LATENTS@IN[:OUT],"
            " as in size:131072@resid_post.6"
        )
    hook_out = spec.hook_out or spec.hook_in
    n, d_in, d_out = int(number), width(spec.hook_in), width(hook_out)
    lengths = {"W_enc": (d_in, n), "b_enc": (n,), "W_dec": (n, d_out), "b_dec": (d_out,)}
    made: dict[str, Any] = {name: torch.empty(each, device="meta") for name, each in lengths.items()}
    return Dictionary(
        id=spec.id,
        kind="sae" if hook_out == spec.hook_in else "transcoder",
        architecture="standard",
        hook_in=spec.hook_in,
        hook_out=hook_out,
        n_latents=n,
        weights="planned",
        source="planned",
        **made,
    )


def drawn(
    like: Dictionary, x: Float[Tensor, "token d_in"], n: int, hook_in: HookPoint, hook_out: HookPoint
) -> Dictionary:
    """`n` latents of random directions, each firing on L0 / n_latents of the tokens x."""
    assert like.W_dec is not None
    generator = torch.Generator().manual_seed(0)
    W_enc = torch.nn.functional.normalize(torch.randn(x.shape[1], n, generator=generator), dim=0)
    W_dec = torch.nn.functional.normalize(torch.randn(n, like.W_dec.shape[1], generator=generator), dim=1)
    rank = min(len(x) - 1, max(1, round(len(x) * L0 / like.n_latents)))
    mean = x.mean(0)
    bias = -((x - mean) @ W_enc).topk(rank + 1, dim=0).values[-1]
    arrays = {
        "W_enc": W_enc,
        "b_enc": bias,
        "b_pre": mean,
        "W_dec": W_dec,
        "b_dec": torch.zeros(W_dec.shape[1]),
    }
    return replace(like, n_latents=n, hook_in=hook_in, hook_out=hook_out, **arrays)


def stand_in(
    d_model: int,
    n: int,
    point: HookPoint = STREAM,
    x: Float[Tensor, "token d_model"] | None = None,
    among: int | None = None,
) -> Dictionary:
    """An SAE of the stream: `n` random directions, which fire as often on x as if there were `among`."""
    W_dec = torch.empty(n, d_model, device="meta")
    like = Dictionary("stand-in", "sae", "standard", point, point, among or n, "", "", W_dec=W_dec)
    if x is None:
        x = torch.randn(256, d_model, generator=torch.Generator().manual_seed(1))
    return drawn(like, x, n, point, point)


def first_latents(dictionary: Dictionary) -> Dictionary:
    """The first LATENTS latents; of neurons a block. Of TopK as large a share of them is chosen."""
    n = min(dictionary.n_latents, BLOCK if dictionary.W_enc is None else LATENTS)
    if n == dictionary.n_latents:
        return replace(dictionary, labels=None)
    cut: dict[str, Any] = {
        name: x[..., :n] for name, x in dictionary.arrays(("W_enc", "b_enc", "threshold")).items()
    }
    cut |= {name: x[:n] for name, x in dictionary.arrays(("W_dec", "writes")).items()}
    k = None if dictionary.k is None else max(1, round(dictionary.k * n / dictionary.n_latents))
    return replace(dictionary, n_latents=n, k=k, grouped=False, labels=None, **cut)
