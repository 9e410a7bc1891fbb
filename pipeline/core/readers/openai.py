"""OpenAI's GPT-2 SAEs: one .pt file each, versions 1, 4 (ReLU) and 5 (TopK).

TopK: u = (x - mean) / (s + 1e-5) with s the unbiased standard deviation, else u = x;
h = (u - pre_bias) @ encoder.weight^T + latent_bias; acts = relu(h), of TopK of the k largest;
y = acts @ decoder.weight^T + pre_bias, of TopK times s plus mean. Source: openai/sparse_autoencoder,
`model.py`. The file does not say that inputs are normalised: TopK files are the ones where they are.
"""

from __future__ import annotations

import re
from functools import partial
from pathlib import Path
from typing import Any

from feature_atlas.address import HookPoint
from feature_atlas.errors import InputError
from pipeline.core.readers.checkpoint import Checkpoint, Weights, arrays_of, checked_k

_LOCATIONS = {
    "mlp_post_act": "mlp_post",
    "resid_delta_attn": "attn_out",
    "resid_post_attn": "resid_mid",
    "resid_delta_mlp": "mlp_out",
    "resid_post_mlp": "resid_post",
}
_PLACE = re.compile(rf"({'|'.join(_LOCATIONS)})(_v\w+)?/autoencoders/(\d+)\.pt$")
_FUNCTIONS = ("ReLU", "TopK")


def is_one(found: dict[str, Any]) -> bool:
    """Whether a pickle holds what these files hold."""
    return {"pre_bias", "latent_bias", "encoder.weight"} <= found.keys()


def opened(path: Path, found: dict[str, Any]) -> list[Checkpoint]:
    """The file's one SAE. Raises InputError if its activation function is neither ReLU nor TopK."""
    function = found.get("activation", "ReLU")
    if function not in _FUNCTIONS:
        raise InputError(f"{path}: activation is {function!r}; read here: {', '.join(_FUNCTIONS)}")
    point = _point(path)
    return [
        Checkpoint(
            family="openai",
            architecture="topk" if function == "TopK" else "standard",
            kind="sae",
            files=(path,),
            read=partial(_read, path, found, function == "TopK"),
            hook_in=point,
            hook_out=point,
        )
    ]


def _read(path: Path, found: dict[str, Any], topk: bool, d_in: int, d_out: int) -> Weights:
    arrays = arrays_of(path, found)
    n = arrays.length("latent_bias")
    shapes = {
        "encoder.weight": (n, d_in),
        "latent_bias": (n,),
        "decoder.weight": (d_out, n),
        "pre_bias": (d_in,),
    }
    taken = arrays.take(shapes)
    return Weights(
        W_enc=taken["encoder.weight"].T.contiguous(),
        b_enc=taken["latent_bias"],
        W_dec=taken["decoder.weight"].T.contiguous(),
        b_dec=taken["pre_bias"],
        b_pre=taken["pre_bias"],
        k=_k(path, found, n) if topk else None,
        normalization="layer_norm" if topk else "none",
    )


def _k(path: Path, found: dict[str, Any], n: int) -> int:
    state = found.get("activation_state_dict")
    k = state.get("k") if isinstance(state, dict) else None
    if k is None:
        raise InputError(f"{path}: activation is TopK, but activation_state_dict holds no k")
    if isinstance(state, dict) and state.get("postact_fn", "ReLU") != "ReLU":
        raise InputError(f"{path}: postact_fn is {state['postact_fn']!r}; read here: 'ReLU'")
    return checked_k(path, int(k), n)


def _point(path: Path) -> HookPoint | None:
    """From where OpenAI keeps it: `…/resid_post_mlp_v5_32k/autoencoders/8.pt`."""
    match = _PLACE.search(path.as_posix())
    return HookPoint(_LOCATIONS[match[1]], int(match[3])) if match else None
