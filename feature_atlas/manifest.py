"""`atlas.json`: the small manifest that says which run is current and what was looked into."""

from __future__ import annotations

import json
from typing import Any, Literal, cast

from pydantic import BaseModel, ConfigDict, ValidationError

from feature_atlas.contract import FORMAT, FORMAT_VERSION
from feature_atlas.errors import FormatError

MANIFEST = "atlas.json"


class _Record(BaseModel):
    """Readers of format 1 pass over what they do not know: additive changes keep old readers working."""

    model_config = ConfigDict(frozen=True, extra="ignore")


class ModelRecord(_Record):
    """The subject model. `weights` is the SHA-256 of its weights file(s)."""

    name: str
    architecture: str
    n_layers: int
    n_heads: int
    d_model: int
    d_mlp: int
    d_vocab: int
    n_ctx: int
    n_parameters: int
    weights: str


class Windowing(_Record):
    """How documents became windows: enough to compute them again.

    Window i of a document holds its tokens [i * stride, (i + 1) * stride), after the BOS if
    `bos_token_id` is not null. Statistics pass over the window indices in `skipped`.
    """

    ctx: int
    stride: int
    bos_token_id: int | None
    skipped: tuple[int, ...]
    n_windows: int
    counted_tokens: int


class CorpusRecord(_Record):
    """What was read. Token ids of every document are in `corpus.zarr`, in this order."""

    sources: tuple[str, ...]
    n_documents: int
    n_tokens: int
    too_short: int
    max_tokens: int | None


class DictionaryRecord(_Record):
    """A dictionary, and where its arrays lie below the run."""

    id: str
    kind: Literal["neurons", "sae", "transcoder"]
    architecture: str
    hook_in: str
    hook_out: str
    n_latents: int
    alive: int
    two_signed: bool
    k: int | None
    weights: str
    source: str
    store: str


class Manifest(_Record):
    """The whole of `atlas.json`."""

    format: Literal["feature-atlas"]
    format_version: int
    run: str
    title: str
    created: str
    model: ModelRecord
    tokenizer: str
    windowing: Windowing
    corpus: CorpusRecord
    dictionaries: tuple[DictionaryRecord, ...]
    provenance: dict[str, str]
    n_bytes: int

    @property
    def run_path(self) -> str:
        """Folder of the current run, below the atlas."""
        return f"runs/{self.run}"


def parse_manifest(text: bytes | str, where: str) -> Manifest:
    """Reads `atlas.json`; raises FormatError if it is none, or of a version this code does not know."""
    try:
        raw: Any = json.loads(text)
    except ValueError as error:
        raise FormatError(f"{where} is not an atlas manifest: {error}") from error
    known = cast(dict[str, Any], raw) if isinstance(raw, dict) else {}
    if known.get("format") != FORMAT:
        raise FormatError(f"{where} is not an atlas manifest: its format is not {FORMAT!r}")
    if known.get("format_version") != FORMAT_VERSION:
        raise FormatError(
            f"{where} has format version {known.get('format_version')!r}; this program reads version"
            f" {FORMAT_VERSION}: build the atlas again, or use the program that made it"
        )
    try:
        return Manifest.model_validate(raw)
    except ValidationError as error:
        first = error.errors()[0]
        field = ".".join(str(part) for part in first["loc"])
        raise FormatError(f"{where}: {field}: {first['msg']}") from error
