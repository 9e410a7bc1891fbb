"""Dictionaries: sets of latents read at a hook point, and the reader of SAELens folders."""

from __future__ import annotations

import json
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Literal

import torch
from jaxtyping import Float
from safetensors import SafetensorError
from safetensors.torch import load_file
from torch import Tensor

from feature_atlas.address import HookPoint, check_dictionary_id
from feature_atlas.errors import InputError
from pipeline.core.files import file_digest, read_text


@dataclass(frozen=True)
class Dictionary:
    """Latents of `hook_in` that write to `hook_out`.

    The identity dictionary (`kind` neurons) has no matrices: its latents are the coordinates of
    the activation, of either sign. An SAE has acts = f((x - b_dec) @ W_enc + b_enc), where f is
    relu, or TopK: relu of the k largest of each position, all others 0.
    """

    id: str
    kind: Literal["neurons", "sae"]
    architecture: Literal["identity", "standard", "topk"]
    hook_in: HookPoint
    hook_out: HookPoint
    n_latents: int
    weights: str
    source: str
    k: int | None = None
    W_enc: Float[Tensor, "d_in latent"] | None = None
    b_enc: Float[Tensor, " latent"] | None = None
    W_dec: Float[Tensor, "latent d_out"] | None = None
    b_dec: Float[Tensor, " d_in"] | None = None

    @property
    def two_signed(self) -> bool:
        """Whether activations may be negative, so that the lowest are worth looking at."""
        return self.kind == "neurons"

    @torch.inference_mode()
    def encode(self, x: Float[Tensor, "token d_in"]) -> Float[Tensor, "token latent"]:
        """The latents' activations."""
        if self.W_enc is None or self.b_enc is None or self.b_dec is None:
            return x
        pre = torch.addmm(self.b_enc, x - self.b_dec, self.W_enc)
        if self.k is None:
            return pre.relu_()
        values, latents = pre.topk(self.k, dim=-1, sorted=False)
        return torch.zeros_like(pre).scatter_(-1, latents, values.relu_())

    @torch.inference_mode()
    def decode(self, acts: Float[Tensor, "token latent"]) -> Float[Tensor, "token d_out"]:
        """The reconstruction: acts @ W_dec + b_dec."""
        if self.W_dec is None or self.b_dec is None:
            return acts
        return torch.addmm(self.b_dec, acts, self.W_dec)


def neurons(layer: int, d_mlp: int, weights: str) -> Dictionary:
    """The identity dictionary of one MLP: `mlp_post.<layer>`."""
    point = HookPoint("mlp_post", layer)
    return Dictionary(str(point), "neurons", "identity", point, point, d_mlp, weights, "the subject model")


def parse_spec(name: str, spec: str) -> tuple[str, Path, HookPoint]:
    """Splits `PATH@HOOK_POINT` at its last @; raises InputError if there is none."""
    path, at, point = spec.rpartition("@")
    if not at or not path:
        raise InputError(
            f"dictionary {name}={spec} is not ID=PATH@HOOK_POINT, as in my-sae=sae/@resid_post.6"
        )
    return check_dictionary_id(name), Path(path), HookPoint.parse(point)


def load_dictionary(name: str, spec: str, width: int) -> Dictionary:
    """Reads a SAELens folder (cfg.json, sae_weights.safetensors) for a hook point of `width`.

    Raises InputError if a file is missing, an array has the wrong shape, the architecture is not
    read here, or the dictionary was made for another width.
    """
    name, folder, point = parse_spec(name, spec)
    config, path = _config(folder), folder / "sae_weights.safetensors"
    architecture = config.get("architecture", "standard")
    arrays = _arrays(path)
    n_latents = _check_shapes(path, arrays, width, point)
    return Dictionary(
        id=name,
        kind="sae",
        architecture=architecture,
        hook_in=point,
        hook_out=point,
        n_latents=n_latents,
        weights=file_digest(path),
        source=folder.name,
        k=_k(folder, config, n_latents) if architecture == "topk" else None,
        W_enc=arrays["W_enc"],
        b_enc=arrays["b_enc"],
        W_dec=arrays["W_dec"],
        b_dec=arrays["b_dec"],
    )


def _config(folder: Path) -> dict[str, Any]:
    path = folder / "cfg.json"
    if not path.is_file():
        raise InputError(
            f"{folder} has no cfg.json: give a SAELens folder (cfg.json, sae_weights.safetensors)"
        )
    try:
        config = json.loads(read_text(path))
    except ValueError as error:
        raise InputError(f"{path} is not JSON: {error}") from error
    wanted = {
        "architecture": ("standard", "topk"),
        "normalize_activations": ("none", None),
        "reshape_activations": ("none", None),
        "rescale_acts_by_decoder_norm": (False, None),
        "apply_b_dec_to_input": (True, None),
    }
    for key, known in wanted.items():
        value = config.get(key, known[-1] if None in known else known[0])
        if value not in known:
            raise InputError(
                f"{path}: {key} is {value!r}; read here: {', '.join(repr(v) for v in known if v is not None)}"
            )
    return config


def _k(folder: Path, config: dict[str, Any], n_latents: int) -> int:
    k = config.get("k")
    if not isinstance(k, int) or not 1 <= k <= n_latents:
        raise InputError(f"{folder}/cfg.json: k is {k!r}, not a whole number in 1..{n_latents}")
    return k


def _arrays(path: Path) -> dict[str, Tensor]:
    try:
        arrays = load_file(path)
    except (OSError, SafetensorError) as error:
        raise InputError(f"can't read {path}: {error}") from error
    missing = {"W_enc", "W_dec", "b_enc", "b_dec"} - set(arrays)
    if missing:
        raise InputError(f"{path} lacks {', '.join(sorted(missing))}; it has: {', '.join(sorted(arrays))}")
    return {name: array.to(torch.float32) for name, array in arrays.items()}


def _check_shapes(path: Path, arrays: dict[str, Tensor], width: int, point: HookPoint) -> int:
    d_in, n_latents = arrays["W_enc"].shape if arrays["W_enc"].ndim == 2 else (-1, -1)
    if d_in != width:
        raise InputError(
            f"{path}: W_enc has shape {list(arrays['W_enc'].shape)}, but {point} is {width} wide:"
            " this dictionary belongs to another model or hook point"
        )
    for name, shape in {"W_dec": [n_latents, width], "b_enc": [n_latents], "b_dec": [width]}.items():
        if list(arrays[name].shape) != shape:
            raise InputError(f"{path}: {name} has shape {list(arrays[name].shape)}, not {shape}")
    return n_latents
