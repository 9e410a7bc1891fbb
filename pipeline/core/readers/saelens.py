"""SAELens folders: cfg.json and sae_weights.safetensors, as versions before 6 and since wrote them.

SAE: h = (n(x) - b_dec) @ W_enc + b_enc. Transcoder: h = n(x) @ W_enc + b_enc, decoded without undoing n.
Batch TopK and Matryoshka SAEs are saved as JumpReLU. Source: SAELens 6.54, `saes/*.py` and
`loading/pretrained_sae_loaders.py`.
"""

from __future__ import annotations

from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import Any, get_args

import torch

from feature_atlas.errors import InputError
from pipeline.core.normalize import Normalization
from pipeline.core.readers import fold
from pipeline.core.readers.checkpoint import (
    Arrays,
    Checkpoint,
    Shapes,
    Weights,
    checked_k,
    open_safetensors,
    read_config,
)
from pipeline.core.readers.names import transformer_lens

CONFIG, WEIGHTS, SCALER = "cfg.json", "sae_weights.safetensors", "activation_scaler.json"
SAES = ("standard", "topk", "jumprelu", "gated")
TRANSCODERS = ("transcoder", "skip_transcoder", "jumprelu_transcoder", "jumprelu_skip_transcoder")
# Names that versions before 6 gave to settings.
_RENAMED = {"hook_point": "hook_name", "hook_point_head_index": "hook_head_index"}


@dataclass(frozen=True)
class Settings:
    """What of cfg.json changes a number."""

    architecture: str
    normalize: str
    subtracts: bool
    k: object
    rescaled: bool

    @property
    def transcodes(self) -> bool:
        """Whether it writes elsewhere than it reads."""
        return self.architecture in TRANSCODERS


def opened(folder: Path, norm_scale: float | None) -> list[Checkpoint]:
    """The folder's one dictionary. `norm_scale` is the factor of the inputs of `expected_average_only_in`.

    Raises InputError if the architecture or a setting is not one that is read here.
    """
    path = folder / CONFIG
    config = _flat(read_config(path, "SAELens"))
    settings = _settings(path, config)
    if settings.normalize == "expected_average_only_in" and norm_scale is None:
        norm_scale = _stored_scale(folder / SCALER)
    if settings.normalize == "expected_average_only_in" and norm_scale is None:
        raise InputError(
            f"{path}: normalize_activations is 'expected_average_only_in', a factor of the inputs that the"
            " files do not hold: give it as norm_scale of the dictionary (1 if it is folded in already)"
        )
    read = partial(_read, folder / WEIGHTS, settings, norm_scale)
    hook_in, hook_out = str(config.get("hook_name") or ""), str(config.get("hook_name_out") or "")
    return [
        Checkpoint(
            family="saelens",
            architecture=settings.architecture,
            kind="transcoder" if settings.transcodes else "sae",
            files=(folder / WEIGHTS,),
            read=read,
            hook_in=transformer_lens(hook_in),
            hook_out=transformer_lens(hook_out if settings.transcodes else hook_in),
            processing=_processing(config),
        )
    ]


def _stored_scale(path: Path) -> float | None:
    """What a checkpoint in the middle of training keeps beside its weights; a finished one has it in them."""
    if not path.is_file():
        return None
    scaler = read_config(path, "SAELens")
    scale = scaler.get("scaling_factor")
    if scaler.get("has_whitening") or not isinstance(scale, int | float) or scale <= 0:
        raise InputError(
            f"{path}: only a positive scaling_factor without whitening is read; it holds {scaler}"
        )
    return float(scale)


def _flat(config: dict[str, Any]) -> dict[str, Any]:
    """Settings under the names of version 6, those of `metadata` among the others."""
    flat = {_RENAMED.get(key, key): value for key, value in config.items() if key != "metadata"}
    metadata = config.get("metadata")
    flat |= metadata if isinstance(metadata, dict) else {}
    if _function(flat) == "topk":
        flat["architecture"] = "topk"
        flat["k"] = (flat.get("activation_fn_kwargs") or {}).get("k")
    return flat


def _function(config: dict[str, Any]) -> object:
    return config.get("activation_fn_str") or config.get("activation_fn")


def _processing(config: dict[str, Any]) -> tuple[str, ...]:
    """SAELens loads models without processing but for what these arguments ask."""
    asked = config.get("model_from_pretrained_kwargs") or {}
    names = {"center_writing_weights": "centre_writes", "fold_ln": "fold_norms"}
    names["fold_value_biases"] = "fold_value_biases"
    return tuple(ours for theirs, ours in names.items() if asked.get(theirs))


def _settings(path: Path, config: dict[str, Any]) -> Settings:
    architecture = config.get("architecture", "standard")
    transcodes = architecture in TRANSCODERS
    normalize = config.get("normalize_activations")
    if isinstance(normalize, bool) or normalize is None:  # so before version 3
        normalize = "expected_average_only_in" if normalize else "none"
    wanted: dict[str, tuple[object, tuple[object, ...]]] = {
        "architecture": (architecture, (*SAES, *TRANSCODERS)),
        "normalize_activations": (normalize, (*get_args(Normalization), "expected_average_only_in")),
        "reshape_activations": (config.get("reshape_activations") or "none", ("none", "hook_z")),
        # SAELens itself takes whatever else stands here for relu.
        "activation_fn": (_function(config) or "relu", ("relu", "topk")),
        # One head's z is no hook point here: a dictionary of it would read a part of attn_z.
        "hook_head_index": (config.get("hook_head_index"), (None,)),
        # SAELens never subtracts b_dec from a transcoder's input.
        "apply_b_dec_to_input": (
            config.get("apply_b_dec_to_input", not transcodes),
            (False,) if transcodes else (True, False),
        ),
        "finetuning_scaling_factor": (bool(config.get("finetuning_scaling_factor")), (False,)),
    }
    for key, (value, known) in wanted.items():
        if value not in known:
            raise InputError(f"{path}: {key} is {value!r}; read here: {', '.join(repr(v) for v in known)}")
    return Settings(
        architecture=architecture,
        normalize=normalize,
        subtracts=not transcodes and bool(config.get("apply_b_dec_to_input", True)),
        k=config.get("k"),
        rescaled=bool(config.get("rescale_acts_by_decoder_norm")),
    )


def _read(path: Path, settings: Settings, norm_scale: float | None, d_in: int, d_out: int) -> Weights:
    arrays = open_safetensors(path)
    gated = settings.architecture == "gated"
    n = arrays.length("b_mag" if gated else "b_enc")
    found = arrays.take(_shapes(settings.architecture, arrays, n, d_in, d_out))
    _check_scaling(arrays, n)
    if gated:
        found |= fold.gate(*(found.pop(name) for name in ("W_enc", "r_mag", "b_gate", "b_mag")))
    skip = found.pop("W_skip", None)
    normalization: Any = settings.normalize if settings.normalize in get_args(Normalization) else "none"
    weights = Weights(
        **found,
        b_pre=found["b_dec"] if settings.subtracts else None,
        W_skip=None if skip is None else skip.T.contiguous(),
        k=checked_k(path.parent / CONFIG, settings.k, n) if settings.architecture == "topk" else None,
        normalization=normalization,
        folded=("gate",) if gated else (),
    )
    if settings.rescaled:
        weights = fold.decoder_norms(weights)
    if settings.normalize == "expected_average_only_in":
        assert norm_scale is not None
        weights = fold.input_scale(weights, norm_scale)
    return weights


def _shapes(architecture: str, arrays: Arrays, n: int, d_in: int, d_out: int) -> Shapes:
    shapes: Shapes = {"W_enc": (d_in, n), "W_dec": (n, d_out), "b_dec": (d_out,)}
    if architecture == "gated":
        return {**shapes, "r_mag": (n,), "b_gate": (n,), "b_mag": (n,)}
    shapes["b_enc"] = (n,)
    if architecture.startswith("jumprelu"):
        shapes["threshold"] = (n,)
    if "skip" in architecture:
        shapes["W_skip"] = (d_out, d_in)
    return shapes


def _check_scaling(arrays: Arrays, n: int) -> None:
    """Old files hold a factor of the latents, which is 1 unless the SAE was finetuned."""
    if "scaling_factor" not in arrays.shapes:
        return
    scaling = arrays.take({"scaling_factor": (n,)})["scaling_factor"]
    if not torch.allclose(scaling, torch.ones(())):
        raise InputError(
            f"{arrays.path}: scaling_factor is not 1 throughout; finetuned SAEs are not read here"
        )
