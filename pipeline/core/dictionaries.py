"""Dictionaries: sets of latents read at a hook point, and the reader of SAELens folders."""

from __future__ import annotations

import json
from collections.abc import Sequence
from dataclasses import dataclass, replace
from functools import cached_property
from pathlib import Path
from typing import Any, Literal, get_args

import torch
from jaxtyping import Float
from safetensors import SafetensorError
from safetensors.torch import load_file
from torch import Tensor

from feature_atlas.address import HookPoint, check_dictionary_id
from feature_atlas.errors import InputError
from feature_atlas.manifest import QualityRecord
from pipeline.core.brought import Labels, read_labels, read_quality
from pipeline.core.files import file_digest, read_text

Architecture = Literal["identity", "standard", "topk", "jumprelu", "transcoder", "jumprelu_transcoder"]
ENCODER = ("W_enc", "b_enc", "b_dec", "threshold")
ARRAYS = (*ENCODER, "W_dec")
BLOCK = 1024  # latents encoded at a time: 1,024 x 2,048 floats are 8 MiB, which stay in cache
TRANSCODERS = ("transcoder", "jumprelu_transcoder")
_READ = get_args(Architecture)[1:]


@dataclass(frozen=True)
class Dictionary:
    """Latents of `hook_in` that write to `hook_out`.

    The identity dictionary (`kind` neurons) has no matrices: its latents are the coordinates of
    the activation, of either sign. Of the others acts = f(x @ W_enc + b_enc), where x is the
    activation at `hook_in`, of an SAE less b_dec; the reconstruction of the activation at
    `hook_out` is acts @ W_dec + b_dec. f is relu; with `k`, relu of the k largest of each position
    and all others 0 (TopK); with `threshold`, h where h > max(threshold, 0), else 0 (JumpReLU).
    """

    id: str
    kind: Literal["neurons", "sae", "transcoder"]
    architecture: Architecture
    hook_in: HookPoint
    hook_out: HookPoint
    n_latents: int
    weights: str
    source: str
    k: int | None = None
    W_enc: Float[Tensor, "d_in latent"] | None = None
    b_enc: Float[Tensor, " latent"] | None = None
    W_dec: Float[Tensor, "latent d_out"] | None = None
    b_dec: Float[Tensor, " d_out"] | None = None
    threshold: Float[Tensor, " latent"] | None = None
    quality: QualityRecord | None = None
    labels: Labels | None = None

    @property
    def identity(self) -> tuple[object, ...]:
        """All that determines what it computes, for the digests of the stages."""
        return (self.id, self.architecture, self.k, str(self.hook_in), str(self.hook_out), self.weights)

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
        return replace(self, n_latents=n_latents, W_dec=None, b_dec=None, **cut).to(device)

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

    @torch.inference_mode()
    def read(self, x: Float[Tensor, "token d_in"]) -> Float[Tensor, "token d_in"]:
        """What W_enc is applied to: of an SAE x less b_dec, of a transcoder x."""
        return x if self.kind != "sae" or self.b_dec is None else x - self.b_dec.to(x.device)

    @torch.inference_mode()
    def pre(self, read: Float[Tensor, "token d_in"], lo: int) -> Float[Tensor, "latent token"]:
        """read @ W_enc of the up to BLOCK latents from `lo` on, latents-major, without the bias."""
        assert self.W_enc is not None
        return self.W_enc[:, lo : lo + BLOCK].T @ read.T

    @torch.inference_mode()
    def largest(self, read: Float[Tensor, "token d_in"]) -> tuple[Tensor, Tensor]:
        """Of a TopK dictionary: relu of the k largest h of each position, and whose they are."""
        assert self.W_enc is not None and self.k is not None
        values, latents = torch.addmm(self.bias, read, self.W_enc).topk(self.k, dim=-1, sorted=False)
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
    def decode(self, acts: Float[Tensor, "token latent"]) -> Float[Tensor, "token d_out"]:
        """The reconstruction: acts @ W_dec + b_dec."""
        if self.W_enc is None:
            return acts
        assert self.W_dec is not None and self.b_dec is not None
        return torch.addmm(self.b_dec, acts, self.W_dec)


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


@dataclass(frozen=True)
class Spec:
    """`ID=PATH@IN[:OUT]` taken apart; `hook_out` is `hook_in` where no OUT is given."""

    id: str
    folder: Path
    hook_in: HookPoint
    hook_out: HookPoint


def parse_spec(name: str, spec: str) -> Spec:
    """Splits `PATH@IN[:OUT]` at its last @; raises InputError if there is none."""
    path, at, points = spec.rpartition("@")
    if not at or not path:
        raise InputError(
            f"dictionary {name}={spec} is not ID=PATH@IN[:OUT], as in my-sae=sae/@resid_post.6"
            " or my-transcoder=tc/@ln2_out.6:mlp_out.6"
        )
    hook_in, _, hook_out = points.partition(":")
    read = HookPoint.parse(hook_in)
    return Spec(check_dictionary_id(name), Path(path), read, HookPoint.parse(hook_out) if hook_out else read)


def load_dictionary(spec: Spec, d_in: int, d_out: int) -> Dictionary:
    """Reads a SAELens folder (cfg.json, sae_weights.safetensors) for hook points of these widths.

    Raises InputError if a file is missing, an array has the wrong shape, the architecture is not
    read here, or the dictionary was made for another width or other hook points.
    """
    config, path = _config(spec.folder), spec.folder / "sae_weights.safetensors"
    architecture: Architecture = config["architecture"]
    _check_points(spec, architecture)
    arrays = _arrays(path, architecture)
    n_latents = _check_shapes(path, arrays, spec, d_in, d_out)
    weights = file_digest(path)
    return Dictionary(
        id=spec.id,
        kind="transcoder" if architecture in TRANSCODERS else "sae",
        architecture=architecture,
        hook_in=spec.hook_in,
        hook_out=spec.hook_out,
        n_latents=n_latents,
        weights=weights,
        source=spec.folder.name,
        k=_k(spec.folder, config, n_latents) if architecture == "topk" else None,
        W_enc=arrays["W_enc"],
        b_enc=arrays["b_enc"],
        W_dec=arrays["W_dec"],
        b_dec=arrays["b_dec"],
        threshold=arrays.get("threshold"),
        quality=read_quality(spec.folder, weights),
        labels=read_labels(spec.folder, weights, n_latents),
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
    if not isinstance(config, dict):
        raise InputError(f"{path} is not a mapping of settings")
    config.setdefault("architecture", "standard")
    wanted = {
        "architecture": _READ,
        "normalize_activations": ("none", None),
        "reshape_activations": ("none", None),
        "rescale_acts_by_decoder_norm": (False, None),
        # SAELens subtracts b_dec from an SAE's input by default, and never from a transcoder's.
        "apply_b_dec_to_input": (False, None) if config["architecture"] in TRANSCODERS else (True, None),
    }
    for key, known in wanted.items():
        value = config.get(key)
        if value not in known:
            raise InputError(
                f"{path}: {key} is {value!r}; read here: {', '.join(repr(v) for v in known if v is not None)}"
            )
    return config


def _check_points(spec: Spec, architecture: Architecture) -> None:
    transcodes, moves = architecture in TRANSCODERS, spec.hook_in != spec.hook_out
    if transcodes and not moves:
        raise InputError(
            f"dictionary {spec.id!r} is a {architecture}: say where it writes too, as in"
            f" @{spec.hook_in}:mlp_out.{spec.hook_in.layer}"
        )
    if moves and not transcodes:
        raise InputError(
            f"dictionary {spec.id!r} is an SAE ({architecture}), which writes where it reads:"
            f" give @{spec.hook_in} alone"
        )


def _k(folder: Path, config: dict[str, Any], n_latents: int) -> int:
    k = config.get("k")
    if not isinstance(k, int) or not 1 <= k <= n_latents:
        raise InputError(f"{folder}/cfg.json: k is {k!r}, not a whole number in 1..{n_latents}")
    return k


def _arrays(path: Path, architecture: Architecture) -> dict[str, Tensor]:
    wanted = {"W_enc", "W_dec", "b_enc", "b_dec"}
    wanted |= {"threshold"} if architecture.startswith("jumprelu") else set()
    try:
        arrays = load_file(path)
    except (OSError, SafetensorError) as error:
        raise InputError(f"can't read {path}: {error}") from error
    missing = wanted - set(arrays)
    if missing:
        raise InputError(f"{path} lacks {', '.join(sorted(missing))}; it has: {', '.join(sorted(arrays))}")
    return {name: arrays[name].to(torch.float32) for name in wanted}


def _check_shapes(path: Path, arrays: dict[str, Tensor], spec: Spec, d_in: int, d_out: int) -> int:
    width, n_latents = arrays["W_enc"].shape if arrays["W_enc"].ndim == 2 else (-1, -1)
    if width != d_in:
        raise InputError(
            f"{path}: W_enc has shape {list(arrays['W_enc'].shape)}, but {spec.hook_in} is {d_in} wide:"
            " this dictionary belongs to another model or hook point"
        )
    shapes = {"W_dec": [n_latents, d_out], "b_enc": [n_latents], "b_dec": [d_out], "threshold": [n_latents]}
    for name, array in arrays.items():
        if name in shapes and list(array.shape) != shapes[name]:
            raise InputError(f"{path}: {name} has shape {list(array.shape)}, not {shapes[name]}")
    return n_latents
