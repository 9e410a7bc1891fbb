"""`atlas.json`: the small manifest that says which run is current and what was looked into."""

from __future__ import annotations

import json
import math
from typing import Annotated, Any, Literal, cast

from pydantic import BaseModel, ConfigDict, Field, ValidationError

from feature_atlas.contract import FORMAT, FORMAT_VERSION
from feature_atlas.errors import FormatError

MANIFEST = "atlas.json"
PINNED = "manifests"  # of a site: copies by digest, so that a page and its numbers are of one run
DENSITY_BINS = 24  # quarter decades from 10^-6 to 1
# A path below the folder that tells it. What leads out of it is refused before anything is read or written.
Below = Annotated[str, Field(pattern=r"^[^/\\.][^/\\]*(/[^/\\.][^/\\]*)*$")]


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


class SourceTerms(_Record):
    """Under what licence the text of a corpus source is, and whose it is, as the atlas' maker says."""

    source: str
    licence: str
    attribution: str = ""
    url: str = Field(default="", pattern=r"^(https?://\S+)?$", description="where the licence or text is")


class CorpusRecord(_Record):
    """What was read. Token ids of every document are in `corpus.zarr`, in this order.

    `excluded` documents have no tokens in this copy of the run; statistics were taken with them.
    """

    sources: tuple[str, ...]
    n_documents: int
    n_tokens: int
    too_short: int
    max_tokens: int | None
    terms: tuple[SourceTerms, ...] = ()
    excluded: int = 0


class QualityRecord(_Record):
    """How good a dictionary is on `text`, which should be text that nothing was trained on.

    y is the activation at the hook point written, y_hat the reconstruction, mean that of y.
    """

    text: str = Field(description="the text measured on")
    n_tokens: int = Field(description="token positions of it")
    n_spliced: int = Field(description="positions of it over which cross-entropies are taken")
    l0: float = Field(description="mean number of latents above 0 at a position")
    dead: float = Field(description="share of latents that are above 0 at no position")
    fvu: float = Field(description="fraction of variance unexplained: sum |y - ŷ|² / sum |y - mean|²")
    fvu_per_position: float = Field(
        description="the mean over positions of |y - ŷ|² / |y - mean|² (SAELens' legacy definition)"
    )
    ce: float = Field(description="the model's cross-entropy, nats per token")
    ce_spliced: float = Field(
        description="the same with the reconstruction spliced in, everywhere but at a window's first position"
    )
    ce_mean_ablated: float = Field(description="the same with the mean of y there")
    density_histogram: tuple[int, ...] = Field(
        description="latents that fire, by density: quarter decades from 10⁻⁶ to 1",
        min_length=DENSITY_BINS,
        max_length=DENSITY_BINS,
    )

    @property
    def ce_recovered(self) -> float:
        """(ce_mean_ablated - ce_spliced) / (ce_mean_ablated - ce); 1 loses nothing, 0 as much as the mean.

        NaN if the mean does as well as the model itself: then there is nothing to recover.
        """
        lost = self.ce_mean_ablated - self.ce
        return (self.ce_mean_ablated - self.ce_spliced) / lost if lost else math.nan


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
    store: Below
    quality: QualityRecord | None = None
    family: str = Field(default="", description="whose files it was read from")
    normalization: str = Field(default="none", description="what is done to x before it is read")
    folded: tuple[str, ...] = Field(
        default=(), description="what the files keep apart and the weights hold here"
    )
    processing: tuple[str, ...] = Field(
        default=(), description="what was done to the model that it was trained on, and to x here instead"
    )


class HeadsRecord(_Record):
    """The attention heads of one layer, and where their arrays lie below the run.

    With `rotary` positions a head turns its queries and keys by where they stand; content scores,
    from weights alone, leave positions out either way.
    """

    id: str
    layer: int
    n_heads: int
    rotary: bool
    store: Below


class Manifest(_Record):
    """The whole of `atlas.json`. Older atlases name no token index, no search index, or no heads.

    `labelled_from` is the run that was built, if `atlas label` has put another in its place since.
    `content_note` is what a visitor should know before reading excerpts.
    """

    format: Literal["feature-atlas"]
    format_version: int
    run: Below
    labelled_from: Below | None = None
    title: str
    created: str
    model: ModelRecord
    tokenizer: Below
    token_index: Below | None = None
    search_index: Below | None = None
    windowing: Windowing
    corpus: CorpusRecord
    content_note: str = ""
    dictionaries: tuple[DictionaryRecord, ...]
    heads: tuple[HeadsRecord, ...] = ()
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
