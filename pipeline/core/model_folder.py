"""A subject model's folder: resolved, identified and checked without loading any weights."""

from __future__ import annotations

import json
import math
import re
import struct
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import Any

from feature_atlas.errors import InputError
from feature_atlas.manifest import ModelRecord
from pipeline.core.architectures import Family, family_of
from pipeline.core.files import digest, file_digest, read_text
from pipeline.core.remote import hub_snapshot
from pipeline.core.shape import Shape
from pipeline.core.tokenizer import SubjectTokenizer, stated_bos

_NAME = re.compile(r"[A-Za-z0-9][\w.-]*(/[\w.-]+)?")
_WEIGHTS, _INDEX = "model.safetensors", "model.safetensors.index.json"
_WANTED = [
    "config.json",
    _WEIGHTS,
    "model-*.safetensors",
    _INDEX,
    "tokenizer*",
    "vocab.json",
    "merges.txt",
]


@dataclass(frozen=True)
class ModelFolder:
    """A local folder with config.json, safetensors weights and a tokenizer."""

    name: str
    path: Path

    @classmethod
    def resolve(cls, model: str) -> ModelFolder:
        """A local folder as it is, anything else from the Hugging Face hub (or its local cache).

        Raises InputError if it is neither, or its architecture is not one that we read.
        """
        path = Path(model)
        if path.is_dir():
            folder = cls(path.resolve().name, path)
        elif path.exists() or model.startswith((".", "/", "~")) or model.count("/") > 1:
            raise InputError(f"no model folder at {model}; give a folder with config.json, or a hub name")
        else:
            folder = cls(model, _download(model))
        family_of(folder.config, folder.path)
        return folder

    @cached_property
    def config(self) -> dict[str, Any]:
        """config.json."""
        path = self.path / "config.json"
        if not path.is_file():
            raise InputError(f"{self.path} has no config.json: it is not a Hugging Face model folder")
        try:
            config = json.loads(read_text(path))
        except ValueError as error:
            raise InputError(f"{path} is not JSON: {error}") from error
        return config if isinstance(config, dict) else {}

    @property
    def public_name(self) -> str:
        """What the model calls itself, if that is a name and not a path; else what the user called it."""
        own = self.config.get("_name_or_path")
        return own if isinstance(own, str) and _NAME.fullmatch(own) else self.name

    @property
    def family(self) -> Family:
        """Where such a model keeps what."""
        return family_of(self.config, self.path)

    @cached_property
    def shape(self) -> Shape:
        """Sizes, as config.json states them."""
        return Shape.of(self.family, self.config, self.path / "config.json")

    @cached_property
    def record(self) -> ModelRecord:
        """Sizes and identity, for the manifest."""
        shape = self.shape
        return ModelRecord(
            name=self.public_name,
            architecture=self.family.architecture,
            n_layers=shape.n_layers,
            n_heads=shape.n_heads,
            d_model=shape.d_model,
            d_mlp=shape.d_mlp,
            d_vocab=shape.d_vocab,
            n_ctx=shape.n_ctx,
            n_parameters=sum(math.prod(lengths) for lengths in self._lengths().values()),
            weights=digest(*(file_digest(path) for path in self.weight_files)),
        )

    @cached_property
    def weight_files(self) -> list[Path]:
        """model.safetensors, or else the files that its index names, sorted; any other is not read."""
        if (self.path / _WEIGHTS).is_file():
            return [self.path / _WEIGHTS]
        index = self.path / _INDEX
        if not index.is_file():
            raise InputError(
                f"{self.path} has no {_WEIGHTS}, nor {_INDEX}; save the model with save_pretrained(FOLDER)"
            )
        try:
            names = set(json.loads(read_text(index))["weight_map"].values())
        except (ValueError, TypeError, AttributeError, KeyError) as error:
            raise InputError(f"{index} maps no parameters to files; get the model again") from error
        for name in names:
            if not isinstance(name, str) or Path(name).name != name or not (self.path / name).is_file():
                raise InputError(f"{index} names {name!r}, which is no file beside it; get the model again")
        return sorted(self.path / name for name in names)

    def tokenizer(self) -> SubjectTokenizer:
        """The tokenizer beside the model."""
        return SubjectTokenizer.load(self.path)

    def bos(self, wanted: bool | None) -> int | None:
        """The BOS that starts each window, or None: as `wanted`, else as the model was trained."""
        if not (self._reads_bos if wanted is None else wanted):
            return None
        token = self.config.get("bos_token_id")
        if not isinstance(token, int):
            raise InputError(f"{self.path}/config.json names no bos_token_id; set bos: false")
        return token

    @cached_property
    def _reads_bos(self) -> bool:
        """What tokenizer_config.json says; where it says nothing, whether the tokenizer puts one first."""
        stated = stated_bos(self.path)
        if stated is not None:
            return stated
        first = self.tokenizer().first()
        return first is not None and first == self.config.get("bos_token_id")

    def _lengths(self) -> dict[str, list[int]]:
        """Lengths of the axes of each parameter."""
        return {
            name: entry["shape"]
            for path in self.weight_files
            for name, entry in _header(path).items()
            if name != "__metadata__" and not name.endswith(self.family.masks)
        }


def _header(path: Path) -> dict[str, Any]:
    """The JSON header of a safetensors file: an 8-byte little-endian length, then the JSON."""
    try:
        with path.open("rb") as file:
            (length,) = struct.unpack("<Q", file.read(8))
            if length > min(path.stat().st_size, 100_000_000):
                raise InputError(f"{path} is not a safetensors file, or is cut short")
            return json.loads(file.read(length))
    except (struct.error, ValueError) as error:
        raise InputError(f"{path} is not a safetensors file, or is cut short") from error


def _download(name: str) -> Path:
    try:
        return hub_snapshot(name, _WANTED)
    except InputError as error:
        raise InputError(
            f"no folder {name!r} here, and {error}; give a local folder with config.json"
        ) from error
