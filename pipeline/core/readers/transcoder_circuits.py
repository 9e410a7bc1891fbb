"""Dunefsky's GPT-2 transcoders: one .pt file each, with a pickled configuration.

h = (x - b_dec) @ W_enc + b_enc; y = relu(h) @ W_dec + b_dec_out. They were trained on TransformerLens' GPT-2,
whose norms are folded and whose writes are centred. Source: jacobdunefsky/transcoder_circuits,
`sae_training/sparse_autoencoder.py`. The configuration is an object of a class of theirs, for which an inert
one stands: no code of the file is run.
"""

from __future__ import annotations

from functools import partial
from pathlib import Path
from typing import Any

from feature_atlas.errors import InputError
from pipeline.core.readers.checkpoint import Checkpoint, Inert, Weights, arrays_of
from pipeline.core.readers.names import transformer_lens

CLASS = "LanguageModelSAERunnerConfig"


def is_one(found: dict[str, Any]) -> bool:
    """Whether a pickle holds what these files hold."""
    return isinstance(found.get("cfg"), Inert | dict) and isinstance(found.get("state_dict"), dict)


def opened(path: Path, found: dict[str, Any]) -> list[Checkpoint]:
    """The file's one transcoder. Raises InputError if it is an SAE of the same code."""
    config = found["cfg"] if isinstance(found["cfg"], dict) else vars(found["cfg"])
    if "b_dec_out" not in found["state_dict"]:
        raise InputError(f"{path} has no b_dec_out: of this family only transcoders are read")
    return [
        Checkpoint(
            family="transcoder_circuits",
            architecture="transcoder",
            kind="transcoder",
            files=(path,),
            read=partial(_read, path, found["state_dict"]),
            hook_in=transformer_lens(str(config.get("hook_point"))),
            hook_out=transformer_lens(str(config.get("out_hook_point"))),
            processing=("centre_writes", "fold_norms", "fold_value_biases"),
        )
    ]


def _read(path: Path, state: dict[str, Any], d_in: int, d_out: int) -> Weights:
    arrays = arrays_of(path, state)
    n = arrays.length("b_enc")
    taken = arrays.take(
        {"W_enc": (d_in, n), "b_enc": (n,), "W_dec": (n, d_out), "b_dec": (d_in,), "b_dec_out": (d_out,)}
    )
    return Weights(
        W_enc=taken["W_enc"],
        b_enc=taken["b_enc"],
        W_dec=taken["W_dec"],
        b_dec=taken["b_dec_out"],
        b_pre=taken["b_dec"],
    )
