"""The parameters of an atlas as one typed record; `params.yaml` is an instance of it."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Annotated, Any

import yaml
from pydantic import BaseModel, ConfigDict, Field, ValidationError

from feature_atlas.errors import InputError
from pipeline.core.dictionary_spec import DictionaryParams, split_family
from pipeline.core.files import read_text, write_atomically


class _Record(BaseModel):
    model_config = ConfigDict(frozen=True, extra="forbid", strict=True)


class ScanParams(_Record):
    """What the scan keeps of every unit."""

    n_top: Annotated[int, Field(ge=1, le=200)] = 20
    """Top examples of each unit (and lowest, for neurons)."""

    seed: Annotated[int, Field(ge=0, lt=2**63)] = 0
    """Draws the band samples, the random firings and the heads' random windows."""

    batch: Annotated[int, Field(ge=1, le=4096)] = 16
    """Windows the model reads at once. The same numbers to 1e-6 whatever it is."""

    fires_on_types: Annotated[int, Field(ge=1)] = 1024
    """Commonest token types of the corpus that the tables of neurons and heads count exactly."""

    cofiring_tokens: Annotated[int, Field(ge=1)] = 65_536
    """Tokens of the random sample in which the latents that fire together are found, then counted exactly."""

    unit_tokens: Annotated[int, Field(ge=1)] = 2**20
    """Tokens that are scanned by themselves, then merged: what a killed worker of a cluster loses at most."""

    checkpoint_seconds: Annotated[float, Field(ge=0)] = 20.0
    """A killed scan, or ablation, loses at most about this much work, or twenty times what saving takes."""


class DescribeParams(_Record):
    """What is computed from the weights alone."""

    fires_on_min_count: Annotated[int, Field(ge=1)] = 5
    """Token types rarer than this are left out of a latent's fires-on list."""


class QualityParams(_Record):
    """How good the dictionaries are, measured on text that nothing was trained on."""

    corpus: list[str] = []
    """Sources, named like the corpus'. Without any, only what a dictionary's folder brings is told."""

    max_tokens: Annotated[int, Field(ge=1)] | None = 600_000
    """Tokens to read at most. A latent counts as dead if it fires on none of them."""

    spliced_tokens: Annotated[int, Field(ge=1)] = 50_000
    """About so many of them are read again with each dictionary's reconstruction spliced in."""


class EffectsParams(_Record):
    """What ablating a latent does in its top examples, by running the model again without it."""

    examples: Annotated[int, Field(ge=0, le=20)] = 5
    """Top examples of each latent that are run again, as far as the scan keeps so many; 0 for none."""

    neurons: bool = False
    """Ablate the neurons too."""


class TermsParams(_Record):
    """Under what licence the text of a corpus source is, and whose it is."""

    licence: Annotated[str, Field(min_length=1)]
    """An SPDX identifier, as CC-BY-4.0, or a few words."""

    attribution: str = ""
    """Who is to be named."""

    url: Annotated[str, Field(pattern=r"^(https?://\S+)?$")] = ""
    """Where the licence, or the text, is found."""


class Params(_Record):
    """Everything that determines an atlas."""

    title: str = "Feature Atlas"
    """Shown at the head of every page."""

    model: str
    """Subject model: a folder with config.json, safetensors and tokenizer files, or a hub name."""

    corpus: Annotated[list[str], Field(min_length=1)]
    """Sources: demo-texts, python-docs, a file, folder or glob, or hf:NAME[:CONFIG][:SPLIT][:COLUMN]."""

    licences: Mapping[str, TermsParams] = {}
    """Corpus source -> licence, attribution and url of its text, told wherever the text is shown."""

    content_note: str = ""
    """What a visitor should know before reading excerpts; shown above them."""

    dictionaries: Mapping[str, str | DictionaryParams] = {}
    """Dictionary id -> [FORMAT:]PATH[@IN[:OUT]], or a mapping that says more (docs/your-dictionary.md)."""

    neurons: bool = True
    """Describe the MLP neurons of every layer."""

    heads: bool = True
    """Describe the attention heads of every layer."""

    map: bool = True
    """Lay out the latents of every dictionary in a plane, by what they write."""

    max_tokens: Annotated[int, Field(ge=1)] | None = None
    """Tokens to read at most; documents are chosen by hash, sources share evenly."""

    ctx: Annotated[int, Field(ge=2)] = 128
    """Tokens of one window, BOS included."""

    bos: bool | None = None
    """Whether a BOS starts each window; by default as the model's tokenizer_config.json says."""

    device: str = "cpu"
    """Where torch runs: cpu, cuda, or cuda:1 for the second GPU (docs/devices.md)."""

    scan: ScanParams = ScanParams()
    describe: DescribeParams = DescribeParams()
    effects: EffectsParams = EffectsParams()
    quality: QualityParams = QualityParams()

    @property
    def terms(self) -> dict[str, TermsParams]:
        """The licences of the sources that are read: a file may tell of more than a command line chooses."""
        return {source: told for source, told in self.licences.items() if source in self.corpus}


def load_params(path: Path, overrides: dict[str, Any]) -> Params:
    """Reads a YAML file and lays `overrides` over it.

    Paths in the file are relative to its folder. Raises InputError naming file, key and reason.
    """
    try:
        raw = yaml.safe_load(read_text(path))
    except yaml.YAMLError as error:
        raise InputError(f"{path} is not YAML: {' '.join(str(error).split())}") from error
    if not isinstance(raw, dict):
        raise InputError(f"{path} is not a mapping of parameters")
    given = _located(raw, path.parent)
    return make_params({**given, **overrides}, str(path))


def given_params(path: Path | None, flags: dict[str, Any]) -> Params:
    """Those of a file with a command line's flags, where they are given, over it; or of the flags alone."""
    given = {name: value for name, value in flags.items() if value is not None}
    return load_params(path, given) if path else make_params(given, "the command line")


def save_params(path: Path, params: Params) -> None:
    """Writes the parameters so that `load_params` finds the same files from anywhere on this machine."""
    raw = located(params).model_dump(mode="json")
    write_atomically(path, yaml.safe_dump(raw, sort_keys=False, allow_unicode=True).encode())


def located(params: Params) -> Params:
    """The same parameters, with paths that name the same files from any folder."""
    return make_params(_located(params.model_dump(mode="json"), Path.cwd()), "parameters")


def make_params(raw: dict[str, Any], where: str) -> Params:
    """Checks a mapping of parameters; raises InputError naming the first key that does not fit."""
    try:
        return Params.model_validate(raw)
    except ValidationError as error:
        first = error.errors()[0]
        key = ".".join(str(part) for part in first["loc"])
        raise InputError(f"{where}: {key}: {first['msg'].lower()} (it is {first['input']!r})") from error


def _located(raw: dict[str, Any], folder: Path) -> dict[str, Any]:
    located = dict(raw)
    if isinstance(raw.get("model"), str):
        located["model"] = _locate(raw["model"], folder)
    if isinstance(raw.get("corpus"), list):
        located["corpus"] = [_locate(s, folder) if isinstance(s, str) else s for s in raw["corpus"]]
    if isinstance(raw.get("licences"), dict):
        located["licences"] = {_locate(str(key), folder): value for key, value in raw["licences"].items()}
    if isinstance(raw.get("quality"), dict):
        located["quality"] = _located(raw["quality"], folder)
    if isinstance(raw.get("dictionaries"), dict):
        located["dictionaries"] = {
            key: _locate_dictionary(value, folder) for key, value in raw["dictionaries"].items()
        }
    return located


def _locate_dictionary(given: Any, folder: Path) -> Any:
    if isinstance(given, dict) and isinstance(given.get("path"), str):
        return {**given, "path": _locate(given["path"], folder)}
    if not isinstance(given, str):
        return given
    family, rest = split_family(given)
    path, at, points = rest.rpartition("@") if "@" in rest else (rest, "", "")
    return f"{family}:" * bool(family) + f"{_locate(path, folder)}{at}{points}"


def _locate(text: str, folder: Path) -> str:
    """A path that exists below the file's folder, as such; anything else (hub names, …) as it is."""
    candidate = folder / text
    return str(candidate) if candidate.exists() or ("*" in text and any(folder.glob(text))) else text
