"""circuit-tracer's transcoders of all layers: config.yaml and one or two safetensors files a layer.

Per-layer transcoders: h = x @ W_enc^T + b_enc, y = acts @ W_dec + b_dec + x @ W_skip^T; JumpReLU where there
is a threshold, TopK where config.yaml says so, else ReLU. Cross-layer transcoders write to the MLP outputs of
their own layer and all after it, W_dec [latent, layer, d]. Source: circuit-tracer, `transcoder/*.py`.
"""

from __future__ import annotations

import re
from functools import partial
from pathlib import Path
from typing import Any

import yaml

from feature_atlas.errors import InputError
from pipeline.core.files import read_text
from pipeline.core.readers.checkpoint import Arrays, Checkpoint, Shapes, Weights, checked_k, open_safetensors
from pipeline.core.readers.names import in_layer

CONFIG = "config.yaml"
_FUNCTIONS = (None, "relu", "jump_relu", "topk")


def opened(folder: Path) -> list[Checkpoint]:
    """A dictionary for each layer, in order. Raises InputError if a layer's file is missing."""
    config = _config(folder / CONFIG)
    crosses = config["model_kind"] == "cross_layer_transcoder"
    layers = _layers(folder, "W_enc" if crosses else "layer")
    return [
        Checkpoint(
            family="circuit-tracer",
            architecture=config["model_kind"],
            kind="transcoder",
            files=_files(folder, layer, crosses),
            read=partial(_cross if crosses else _own, folder, layer, len(layers), config),
            hook_in=in_layer(str(config.get("feature_input_hook")), layer),
            hook_out=in_layer(str(config.get("feature_output_hook")), layer),
        )
        for layer in layers
    ]


def _config(path: Path) -> dict[str, Any]:
    try:
        config = yaml.safe_load(read_text(path))
    except yaml.YAMLError as error:
        raise InputError(f"{path} is not YAML: {' '.join(str(error).split())}") from error
    kind = config.get("model_kind") if isinstance(config, dict) else None
    if kind not in ("transcoder_set", "cross_layer_transcoder"):
        raise InputError(f"{path}: model_kind is {kind!r}; read here: transcoder_set, cross_layer_transcoder")
    if config.get("activation") not in _FUNCTIONS:
        raise InputError(f"{path}: activation is {config['activation']!r}; read here: relu, jump_relu, topk")
    if config.get("transcoders"):
        raise InputError(f"{path} points to files elsewhere (transcoders: …); give a folder that holds them")
    return config


def _layers(folder: Path, stem: str) -> range:
    found = {
        int(match[1])
        for path in folder.iterdir()
        if (match := re.fullmatch(rf"{stem}_(\d+)\.safetensors", path.name))
    }
    wanted = range(max(found, default=0) + 1)
    if missing := sorted(set(wanted) - found):
        raise InputError(f"{folder} lacks {stem}_{missing[0]}.safetensors: every layer needs its transcoder")
    return wanted


def _files(folder: Path, layer: int, crosses: bool) -> tuple[Path, ...]:
    stems = ("W_enc", "W_dec") if crosses else ("layer",)
    return tuple(folder / f"{stem}_{layer}.safetensors" for stem in stems)


def _own(folder: Path, layer: int, _: int, config: dict[str, Any], d_in: int, d_out: int) -> Weights:
    arrays = open_safetensors(folder / f"layer_{layer}.safetensors")
    n = arrays.length("b_enc")
    shapes: Shapes = {"W_enc": (n, d_in), "b_enc": (n,), "W_dec": (n, d_out), "b_dec": (d_out,)}
    threshold = "activation_function.threshold"
    optional: Shapes = {threshold: (n,), "W_skip": (d_out, d_in)}
    taken = arrays.take({**shapes, **{name: optional[name] for name in optional if name in arrays.shapes}})
    _check_threshold(arrays, taken.get(threshold))
    return Weights(
        W_enc=taken["W_enc"].T.contiguous(),
        b_enc=taken["b_enc"],
        W_dec=taken["W_dec"],
        b_dec=taken["b_dec"],
        W_skip=taken["W_skip"].T.contiguous() if "W_skip" in taken else None,
        threshold=taken.get(threshold),
        k=checked_k(folder / CONFIG, config.get("k"), n) if config.get("activation") == "topk" else None,
    )


def _cross(folder: Path, layer: int, n_layers: int, _: dict[str, Any], d_in: int, d_out: int) -> Weights:
    encoder, decoder = (open_safetensors(folder / f"W_{side}_{layer}.safetensors") for side in ("enc", "dec"))
    n = encoder.length(f"b_enc_{layer}")
    shapes: Shapes = {"W_enc": (n, d_in), "b_enc": (n,), "b_dec": (d_out,)}
    if f"threshold_{layer}" in encoder.shapes:
        shapes["threshold"] = (n,)
    taken = encoder.take({f"{name}_{layer}": shape for name, shape in shapes.items()})
    _check_threshold(encoder, taken.get(f"threshold_{layer}"))
    writes = decoder.take({f"W_dec_{layer}": (n, n_layers - layer, d_out)})
    return Weights(
        W_enc=taken[f"W_enc_{layer}"].T.contiguous(),
        b_enc=taken[f"b_enc_{layer}"],
        W_dec=writes[f"W_dec_{layer}"].sum(dim=1),
        writes=writes[f"W_dec_{layer}"],
        b_dec=taken[f"b_dec_{layer}"],
        threshold=taken.get(f"threshold_{layer}"),
    )


def _check_threshold(arrays: Arrays, threshold: Any) -> None:
    """circuit-tracer's JumpReLU is x where x > threshold: below 0 it would let negative latents through."""
    if threshold is not None and (threshold < 0).any():
        raise InputError(
            f"{arrays.path}: a threshold is negative, so that latents may be; that is not read here"
        )
