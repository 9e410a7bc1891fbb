"""sparsify's folders, one for each hook point: cfg.json and sae.safetensors.

SAE: h = (x - b_dec) @ encoder.weight^T + encoder.bias; transcoder: h = x @ …; acts = relu of the k
largest, or with groupmax of the largest in each of k equal runs; y = acts @ W_dec + b_dec + x @ W_skip^T.
Source: EleutherAI/sparsify, `sparse_coder.py`, `fused_encoder.py`.
"""

from __future__ import annotations

from functools import partial
from pathlib import Path
from typing import Any

from feature_atlas.errors import InputError
from pipeline.core.readers.checkpoint import Checkpoint, Weights, checked_k, open_safetensors, read_config
from pipeline.core.readers.names import module

CONFIG, WEIGHTS = "cfg.json", "sae.safetensors"
_FUNCTIONS = ("topk", "groupmax")
_UNREAD = ("embed_skip", "gram_lookup")  # what is added or taken away depends on the token, not on x


def opened(folder: Path) -> list[Checkpoint]:
    """The folder's one dictionary. Raises InputError for settings that are not read here."""
    path = folder / CONFIG
    config = read_config(path, "sparsify")
    function, transcodes = config.get("activation", "topk"), bool(config.get("transcode"))
    if function not in _FUNCTIONS:
        raise InputError(f"{path}: activation is {function!r}; read here: {', '.join(_FUNCTIONS)}")
    if asked := [name for name in _UNREAD if config.get(name)]:
        raise InputError(
            f"{path}: {asked[0]} is on; dictionaries that read more than one hook point are not read"
        )
    name = folder.resolve().name
    return [
        Checkpoint(
            family="sparsify",
            architecture=function + ("_skip" if config.get("skip_connection") else ""),
            kind="transcoder" if transcodes else "sae",
            files=(folder / WEIGHTS,),
            read=partial(_read, folder / WEIGHTS, config, function == "groupmax"),
            hook_in=module(name, "in" if transcodes else "out"),
            hook_out=module(name, "out"),
        )
    ]


def _read(path: Path, config: dict[str, Any], grouped: bool, d_in: int, d_out: int) -> Weights:
    arrays = open_safetensors(path)
    n = arrays.length("encoder.bias")
    k = checked_k(path.parent / CONFIG, config.get("k"), n)
    if grouped and n % k:
        raise InputError(f"{path.parent / CONFIG}: k is {k}, and {n} latents make no {k} equal groups")
    shapes = {"encoder.weight": (n, d_in), "encoder.bias": (n,), "W_dec": (n, d_out), "b_dec": (d_out,)}
    if config.get("skip_connection"):
        shapes["W_skip"] = (d_out, d_in)
    taken = arrays.take(shapes)
    return Weights(
        W_enc=taken["encoder.weight"].T.contiguous(),
        b_enc=taken["encoder.bias"],
        W_dec=taken["W_dec"],
        b_dec=taken["b_dec"],
        b_pre=None if config.get("transcode") else taken["b_dec"],
        W_skip=taken["W_skip"].T.contiguous() if "W_skip" in taken else None,
        k=k,
        grouped=grouped,
    )
