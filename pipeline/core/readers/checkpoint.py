"""What a reader finds: the arrays of a file, looked at before they are read, and what they mean."""

from __future__ import annotations

import json
import pickle
import warnings
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Literal

import torch
from jaxtyping import Float
from safetensors import SafetensorError, safe_open
from torch import Tensor

from feature_atlas.address import HookPoint
from feature_atlas.errors import InputError
from pipeline.core.files import read_text
from pipeline.core.normalize import Normalization

Shapes = dict[str, tuple[int, ...]]


@dataclass(frozen=True)
class Weights:
    """The arrays of a Dictionary and how they are used, in float32; names as there."""

    W_enc: Float[Tensor, "d_in latent"]
    b_enc: Float[Tensor, " latent"]
    W_dec: Float[Tensor, "latent d_out"]
    b_dec: Float[Tensor, " d_out"]
    b_pre: Float[Tensor, " d_in"] | None = None
    W_skip: Float[Tensor, "d_in d_out"] | None = None
    writes: Float[Tensor, "latent layer d_out"] | None = None
    threshold: Float[Tensor, " latent"] | None = None
    k: int | None = None
    grouped: bool = False
    normalization: Normalization = "none"
    folded: tuple[str, ...] = ()


@dataclass(frozen=True)
class Checkpoint:
    """One dictionary as its files tell of it. `read` takes the widths of the hook points in and out.

    `hook_in` and `hook_out` are None where the files do not say. `processing` names what was done to the
    model that it was trained on.
    """

    family: str
    architecture: str
    kind: Literal["sae", "transcoder"]
    files: tuple[Path, ...]
    read: Callable[[int, int], Weights]
    hook_in: HookPoint | None = None
    hook_out: HookPoint | None = None
    processing: tuple[str, ...] = ()


class Arrays:
    """The named arrays of one file. Shapes are known before anything is read."""

    def __init__(self, path: Path, shapes: Shapes, load: Callable[[str], Tensor]) -> None:
        self.path, self.shapes, self._load = path, shapes, load

    def length(self, name: str) -> int:
        """Of a vector. Raises InputError if there is no such array, or it is no vector."""
        self._require([name])
        if len(self.shapes[name]) != 1:
            raise InputError(
                f"{self.path}: {name} has shape {list(self.shapes[name])}; it should be a vector"
            )
        return self.shapes[name][0]

    def take(self, wanted: Shapes) -> dict[str, Any]:
        """The arrays of these names in float32, looked at all before any is read.

        A matrix that lies the other way round is turned: its shape tells. Raises InputError naming the
        file, the array, and the shapes expected and found, or if a value is not finite.
        """
        self._require(list(wanted))
        for name, shape in wanted.items():
            if self.shapes[name] not in (shape, shape[::-1] if len(shape) == 2 else shape):
                raise InputError(
                    f"{self.path}: {name} has shape {list(self.shapes[name])}, expected {list(shape)}:"
                    " this dictionary belongs to another model or hook point"
                )
        return {name: self._take(name, shape) for name, shape in wanted.items()}

    def _take(self, name: str, shape: tuple[int, ...]) -> Tensor:
        array = self._load(name)
        array = (array if tuple(array.shape) == shape else array.T).to(torch.float32).contiguous()
        if not torch.isfinite(array).all():
            raise InputError(f"{self.path}: {name} holds values that are not finite; get the file again")
        return array

    def _require(self, names: list[str]) -> None:
        missing = [name for name in names if name not in self.shapes]
        if missing:
            raise InputError(
                f"{self.path} lacks {', '.join(missing)}; it has: {', '.join(sorted(self.shapes))}"
            )


def open_safetensors(path: Path) -> Arrays:
    """The arrays of a safetensors file. Raises InputError if it is none or cut short."""
    try:
        file = safe_open(path, framework="pt")
        names: list[str] = file.keys()
        shapes = {name: tuple(file.get_slice(name).get_shape()) for name in names}
    except (OSError, SafetensorError) as error:
        raise InputError(f"can't read {path}: {' '.join(str(error).split())}") from error
    return Arrays(path, shapes, file.get_tensor)


class Inert:
    """Stands for an instance of a class that a pickle names: it keeps what was stored and does nothing."""


def open_pickle(path: Path, inert: tuple[str, ...] = ()) -> dict[str, Any]:
    """What torch.save wrote, arrays mapped from the file and not read. No code of the file is ever run.

    Only arrays, numbers, text and containers of them are let in, and, as `Inert`, instances of classes
    whose bare name is in `inert`. Raises InputError if the file asks for anything else.
    """
    try:
        with torch.serialization.safe_globals(_stand_ins(path, inert)), warnings.catch_warnings():
            warnings.simplefilter("ignore")  # torch warns of pickles that it goes on to refuse
            found = torch.load(path, map_location="cpu", weights_only=True, mmap=_is_zip(path))
    except (OSError, RuntimeError, EOFError, ValueError, KeyError) as error:
        raise InputError(f"can't read {path}: {' '.join(str(error).split())[:200]}") from error
    except pickle.UnpicklingError as error:
        raise InputError(
            f"{path} is refused: it is not arrays alone, and reading it could run what is in it"
            f" ({' '.join(str(error).split())[:160]})"
        ) from error
    if not isinstance(found, dict):
        raise InputError(f"{path} holds a {type(found).__name__}, not named arrays")
    return found


def arrays_of(path: Path, found: dict[str, Any]) -> Arrays:
    """The arrays among what a pickle holds, by name."""
    arrays = {name: value for name, value in found.items() if isinstance(value, Tensor)}
    return Arrays(path, {name: tuple(value.shape) for name, value in arrays.items()}, arrays.__getitem__)


def checked_k(path: Path, k: object, n_latents: int) -> int:
    """The k of a TopK dictionary. Raises InputError if it can be none."""
    if not isinstance(k, int) or not 1 <= k <= n_latents:
        raise InputError(f"{path}: k is {k!r}, not a whole number in 1..{n_latents}")
    return k


def read_config(path: Path, family: str) -> dict[str, Any]:
    """A JSON file that holds a mapping. Raises InputError otherwise."""
    if not path.is_file():
        raise InputError(f"{path.parent} has no {path.name}, which {family} writes beside the weights")
    try:
        config = json.loads(read_text(path))
    except ValueError as error:
        raise InputError(f"{path} is not JSON: {error}") from error
    if not isinstance(config, dict):
        raise InputError(f"{path} is not a mapping of settings")
    return config


def _stand_ins(path: Path, inert: tuple[str, ...]) -> list[Any]:
    if not inert or not _is_zip(path):
        return []
    named = torch.serialization.get_unsafe_globals_in_checkpoint(path)
    return [(Inert, name) for name in named if name.rpartition(".")[2] in inert]


def _is_zip(path: Path) -> bool:
    with path.open("rb") as file:
        return file.read(2) == b"PK"
