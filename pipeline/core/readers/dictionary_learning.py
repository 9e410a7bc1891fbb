"""dictionary_learning's trainer folders: ae.pt and config.json.

h = (x - b) @ encoder.weight^T + encoder.bias and so on; BatchTopK and Matryoshka dictionaries fire above
their one threshold. Source: saprmarks/dictionary_learning at 60ec6bf5, `dictionary.py` and
`trainers/{top_k,batch_top_k,matryoshka_batch_top_k}.py`. Versions of 2024 multiply the latents of Gated and
JumpReLU ones by the decoder's norms, and divide by them again: the reconstruction is the same.
"""

from __future__ import annotations

from collections.abc import Callable
from functools import partial
from pathlib import Path
from typing import Any

import torch

from feature_atlas.address import HookPoint
from feature_atlas.errors import InputError
from pipeline.core.readers import fold, names
from pipeline.core.readers.checkpoint import (
    Arrays,
    Checkpoint,
    Weights,
    arrays_of,
    checked_k,
    open_pickle,
    read_config,
)

CONFIG, WEIGHTS = "config.json", "ae.pt"


def opened(folder: Path) -> list[Checkpoint]:
    """The folder's one SAE. Raises InputError for a class that is not read here, or a backup file."""
    config = read_config(folder / CONFIG, "dictionary_learning")
    trainer: dict[str, Any] = config.get("trainer") or {}
    kind = trainer.get("dict_class")
    if kind not in _CLASSES:
        raise InputError(
            f"{folder / CONFIG}: dict_class is {kind!r}; read here: {', '.join(sorted(_CLASSES))}"
        )
    point = _point(trainer, config.get("buffer") or {})
    return [
        Checkpoint(
            family="dictionary_learning",
            architecture=kind,
            kind="sae",
            files=(folder / WEIGHTS,),
            read=partial(_read, folder / WEIGHTS, kind),
            hook_in=point,
            hook_out=point,
        )
    ]


def _point(trainer: dict[str, Any], buffer: dict[str, Any]) -> HookPoint | None:
    """From the submodule's name, if that is a module's path."""
    name, side = str(trainer.get("submodule_name") or ""), buffer.get("io", "out")
    return names.module(name, side) if side in ("in", "out") else None


def _read(path: Path, kind: str, d_in: int, d_out: int) -> Weights:
    found = open_pickle(path)
    if {"ae", "norm_factor"} <= found.keys():
        raise InputError(
            f"{path} is a backup that dictionary_learning made while it trained: its biases are for"
            " activations divided by a norm, and only the finished ae.pt has them undone; give that one"
        )
    return _CLASSES[kind](arrays_of(path, found), found, d_in, d_out)


def _linear(
    arrays: Arrays, d_in: int, d_out: int, bias: str, names_: tuple[str, ...] = ("encoder.bias",)
) -> dict[str, Any]:
    n = arrays.length(names_[0])
    shapes = {"encoder.weight": (n, d_in), "decoder.weight": (d_out, n), bias: (d_out,)}
    taken = arrays.take({**shapes, **dict.fromkeys(names_, (n,))})
    return {
        "W_enc": taken["encoder.weight"].T.contiguous(),
        "W_dec": taken["decoder.weight"].T.contiguous(),
        "b_dec": taken[bias],
        **{name: taken[name] for name in names_},
    }


def _standard(arrays: Arrays, _: dict[str, Any], d_in: int, d_out: int) -> Weights:
    taken = _linear(arrays, d_in, d_out, "bias")
    return Weights(b_enc=taken.pop("encoder.bias"), b_pre=taken["b_dec"], **taken)


def _april(arrays: Arrays, _: dict[str, Any], d_in: int, d_out: int) -> Weights:
    """AutoEncoderNew: nothing is subtracted from the input."""
    taken = _linear(arrays, d_in, d_out, "decoder.bias")
    return Weights(b_enc=taken.pop("encoder.bias"), **taken)


def _gated(arrays: Arrays, _: dict[str, Any], d_in: int, d_out: int) -> Weights:
    vectors = ("r_mag", "gate_bias", "mag_bias")
    taken = _linear(arrays, d_in, d_out, "decoder_bias", vectors)
    opened_ = fold.gate(taken["W_enc"], *(taken.pop(name) for name in vectors))
    return Weights(**{**taken, **opened_}, b_pre=taken["b_dec"], folded=("gate",))


def _topk(arrays: Arrays, found: dict[str, Any], d_in: int, d_out: int) -> Weights:
    taken = _linear(arrays, d_in, d_out, "b_dec")
    k = checked_k(arrays.path, int(_number(arrays, found, "k")), len(taken["encoder.bias"]))
    return Weights(b_enc=taken.pop("encoder.bias"), b_pre=taken["b_dec"], k=k, **taken)


def _batch_topk(arrays: Arrays, found: dict[str, Any], d_in: int, d_out: int) -> Weights:
    taken = _linear(arrays, d_in, d_out, "b_dec")
    b_enc = taken.pop("encoder.bias")
    return Weights(b_enc=b_enc, b_pre=taken["b_dec"], threshold=_threshold(arrays, found, b_enc), **taken)


def _matryoshka(arrays: Arrays, found: dict[str, Any], d_in: int, d_out: int) -> Weights:
    n = arrays.length("b_enc")
    taken = arrays.take({"W_enc": (d_in, n), "b_enc": (n,), "W_dec": (n, d_out), "b_dec": (d_out,)})
    return Weights(b_pre=taken["b_dec"], threshold=_threshold(arrays, found, taken["b_enc"]), **taken)


def _jumprelu(arrays: Arrays, _: dict[str, Any], d_in: int, d_out: int) -> Weights:
    n = arrays.length("b_enc")
    shapes = {"W_enc": (d_in, n), "b_enc": (n,), "W_dec": (n, d_out), "b_dec": (d_out,), "threshold": (n,)}
    return Weights(**arrays.take(shapes))


def _threshold(arrays: Arrays, found: dict[str, Any], like: torch.Tensor) -> torch.Tensor:
    return torch.full_like(like, _number(arrays, found, "threshold"))


def _number(arrays: Arrays, found: dict[str, Any], name: str) -> float:
    value = found.get(name)
    if not (isinstance(value, int | float) or (isinstance(value, torch.Tensor) and value.numel() == 1)):
        raise InputError(f"{arrays.path}: {name} is not a number; it has: {', '.join(sorted(found))}")
    return float(value)


_CLASSES: dict[str, Callable[[Arrays, dict[str, Any], int, int], Weights]] = {
    "AutoEncoder": _standard,
    "AutoEncoderNew": _april,
    "GatedAutoEncoder": _gated,
    "AutoEncoderTopK": _topk,
    "BatchTopKSAE": _batch_topk,
    "MatryoshkaBatchTopKSAE": _matryoshka,
    "JumpReluAutoEncoder": _jumprelu,
}
