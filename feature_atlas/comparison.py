"""A comparison of dictionaries: the folder that `atlas compare` writes, and how to read one."""

from __future__ import annotations

import json
from collections.abc import Iterator
from functools import cached_property
from typing import Any, Literal, cast

import numpy as np
from pydantic import BaseModel, ConfigDict, Field, ValidationError

from feature_atlas.address import check_dictionary_id
from feature_atlas.contract import ArraySpec
from feature_atlas.errors import FormatError
from feature_atlas.manifest import DictionaryRecord
from feature_atlas.store import Group, read_bytes
from feature_atlas.verify import wrong_files, wrong_group

FORMAT = "feature-atlas-comparison"
FORMAT_VERSION = 1
MANIFEST = "comparison.json"

# What became of a latent, by the number in `kind`. The words are those of who looks from A to B.
KINDS = {
    "a": ("lost", "split", "merged", "matched", "near"),
    "b": ("new", "merged", "split", "matched", "near"),
}
SIDES = ("a", "b")


def _side(side: str, other: str) -> tuple[ArraySpec, ...]:
    dims = (f"latent_{side}",)
    return (
        ArraySpec(f"{side}/kind", dims, "u1", f"what became of it: {', '.join(KINDS[side])}"),
        ArraySpec(f"{side}/nearest", dims, "u4", f"latent of {other} of largest cosine of write directions"),
        ArraySpec(f"{side}/cosine", dims, "f4", "that cosine"),
        ArraySpec(f"{side}/correlation", dims, "f4", "Pearson correlation of its activations and that one's"),
        ArraySpec(f"{side}/correlated", dims, "u4", f"candidate of {other} of largest correlation"),
        ArraySpec(f"{side}/highest", dims, "f4", "that correlation; NaN if none is told"),
    )


COMPARISON = (*_side("a", "b"), *_side("b", "a"))


class _Record(BaseModel):
    model_config = ConfigDict(frozen=True, extra="ignore")


class SideRecord(_Record):
    """One of the two atlases. `runs` are the names that its present content goes by."""

    title: str
    runs: tuple[str, ...]
    model: str
    weights: str


class ReadRecord(_Record):
    """What activations were correlated over: counted tokens of A's corpus."""

    sources: tuple[str, ...]
    counted_tokens: int


class PairRecord(_Record):
    """Two dictionaries. `kinds_*` count latents by KINDS; `mmcs_*` is the mean of the largest cosines."""

    a: DictionaryRecord
    b: DictionaryRecord
    store: str
    kinds_a: dict[str, int]
    kinds_b: dict[str, int]
    mmcs_a: float
    mmcs_b: float

    @property
    def name(self) -> str:
        """Names the pair in stores and pages."""
        return f"{self.a.id}~{self.b.id}"


class ComparisonRecord(_Record):
    """The whole of `comparison.json`. `read` is null where no activations could be correlated.

    `files` are size and SHA-256 of every other file.
    """

    format: Literal["feature-atlas-comparison"]
    format_version: int
    key: str
    created: str
    threshold: float = Field(description="cosine from which two latents count as alike")
    a: SideRecord
    b: SideRecord
    read: ReadRecord | None
    pairs: tuple[PairRecord, ...]
    files: dict[str, tuple[int, str]]


class Comparison:
    """An open comparison: its record, and each pair's arrays."""

    def __init__(self, url: str, record: ComparisonRecord) -> None:
        self.url, self.record = url, record
        self._groups: dict[str, Group] = {}

    def column(self, pair: PairRecord, path: str) -> np.ndarray[Any, Any]:
        """An array of a pair, such as `a/cosine`."""
        if pair.store not in self._groups:
            self._groups[pair.store] = Group(f"{self.url}/{pair.store}")
        return self._groups[pair.store].read(path)

    @cached_property
    def of_one_atlas(self) -> bool:
        """Whether both sides are dictionaries of the same atlas."""
        return bool(set(self.record.a.runs) & set(self.record.b.runs))


def is_comparison(url: str) -> bool:
    """Whether there is a comparison at a place."""
    try:
        read_bytes(f"{url.rstrip('/')}/{MANIFEST}")
    except FormatError:
        return False
    return True


def open_comparison(url: str) -> Comparison:
    """Opens a comparison on disk or at a URL; FormatError if there is none, or one of another version."""
    place = url.rstrip("/")
    where = f"{place}/{MANIFEST}"
    try:
        raw = json.loads(read_bytes(where))
        known = cast(dict[str, Any], raw) if isinstance(raw, dict) else {}
        if known.get("format") != FORMAT or known.get("format_version") != FORMAT_VERSION:
            raise FormatError(
                f"{where} is not a comparison of version {FORMAT_VERSION}; make it again: atlas compare"
            )
        return Comparison(place, _sound(ComparisonRecord.model_validate(raw), where))
    except ValidationError as error:
        first = error.errors()[0]
        field = ".".join(str(part) for part in first["loc"])
        raise FormatError(f"{where}: {field}: {first['msg']}") from error
    except ValueError as error:
        raise FormatError(f"{where} is not JSON: {error}") from error


def _sound(record: ComparisonRecord, where: str) -> ComparisonRecord:
    """The record, if all that it names lies below its folder; FormatError if not."""
    for pair in record.pairs:
        check_dictionary_id(pair.a.id)
        check_dictionary_id(pair.b.id)
        if pair.store != f"pairs/{pair.name}.zarr":
            raise FormatError(f"{where}: {pair.store!r} is not where {pair.name} is kept")
    stores = tuple(f"{pair.store}/" for pair in record.pairs)
    if wrong := [name for name in record.files if not name.startswith(stores) or ".." in name.split("/")]:
        raise FormatError(f"{where}: {wrong[0]!r} is no file of a comparison")
    return record


def verify_comparison(comparison: Comparison) -> Iterator[str]:
    """Checks every file and every array; yields what it finds wrong, one line each."""
    yield from wrong_files(comparison.url, comparison.record.files)
    for pair in comparison.record.pairs:
        sizes = {"latent_a": pair.a.n_latents, "latent_b": pair.b.n_latents}
        yield from wrong_group(f"{comparison.url}/{pair.store}", COMPARISON, sizes, 0, False)
