"""The SAEs of all GPT-2's attention layers by Kissane et al.: NAME.pt and NAME_cfg.json.

h = (z - b_dec) @ W_enc + b_enc, z being `attn_z`; y = relu(h) @ W_dec + b_dec. They were trained on
TransformerLens' GPT-2 as it comes, whose values' biases are folded. Source: Kissane, Krzyzanowski, Bloom,
Conmy, Nanda 2024, Interpreting Attention Layer Outputs with Sparse Autoencoders, and SAELens'
`connor_rob_hook_z` loader.
"""

from __future__ import annotations

from functools import partial
from pathlib import Path
from typing import Any

from feature_atlas.errors import InputError
from pipeline.core.readers.checkpoint import Checkpoint, Weights, arrays_of, open_pickle, read_config
from pipeline.core.readers.names import transformer_lens


def config_of(path: Path) -> Path:
    """Where NAME.pt's configuration lies."""
    return path.with_name(f"{path.stem}_cfg.json")


def opened(path: Path) -> list[Checkpoint]:
    """The file's one SAE. Raises InputError if its configuration names no place that is known here."""
    config = read_config(config_of(path), "the authors' code")
    point = transformer_lens(str(config.get("act_name")))
    if point is None:
        raise InputError(
            f"{config_of(path)}: act_name is {config.get('act_name')!r}, no hook point known here"
        )
    return [
        Checkpoint(
            family="attention_saes",
            architecture="standard",
            kind="sae",
            files=(path,),
            read=partial(_read, path, open_pickle(path)),
            hook_in=point,
            hook_out=point,
            processing=("centre_writes", "fold_norms", "fold_value_biases"),
        )
    ]


def _read(path: Path, found: dict[str, Any], d_in: int, d_out: int) -> Weights:
    arrays = arrays_of(path, found)
    n = arrays.length("b_enc")
    taken = arrays.take({"W_enc": (d_in, n), "b_enc": (n,), "W_dec": (n, d_out), "b_dec": (d_in,)})
    return Weights(**taken, b_pre=taken["b_dec"])
