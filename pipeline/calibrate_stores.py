"""What the scan of a short run left, made into stores of an atlas: how large they are, and in what time."""

from __future__ import annotations

import os
from collections.abc import Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from functools import partial
from pathlib import Path

import numpy as np

from feature_atlas.contract import FLOATS, INTS, N_HEAD_TYPES, N_MOVED, TOKENS, VOCABULARY
from feature_atlas.search_index import SEARCH_INDEX, write_search
from feature_atlas.store import create_group
from pipeline import effects
from pipeline.core.cards import band_rows
from pipeline.core.circuits import HeadTokens, describe_heads
from pipeline.core.dictionaries import Dictionary, mates_of
from pipeline.core.files import save_arrays
from pipeline.core.fits import Amount, seconds_of
from pipeline.core.group import write_dictionary, write_heads
from pipeline.core.heads import HeadGroup
from pipeline.core.outlook import Outlook
from pipeline.core.planned import stand_in
from pipeline.core.repeated import random_scores
from pipeline.core.token_index import UnitsByToken
from pipeline.core.virtual import Partners
from pipeline.core.windows import Windows


@dataclass(frozen=True)
class Stored:
    """Of a unit bytes in the atlas, of an example and of all else; in the work folder; seconds to write."""

    example: Amount
    rest: Amount
    work: Amount
    seconds: Amount


@dataclass(frozen=True)
class Stores:
    """All of them: by dictionary, of heads by layer, of the search index and the token index by unit.

    `firings` are those of each latent on the `counted` tokens of the short run.
    """

    stored: dict[str, Stored]
    firings: dict[str, np.ndarray]
    heads: Stored
    search: Stored
    tokens: Stored
    counted: int


class TrialStores:
    """Stores of `parts` and `groups`, of what their scan of `windows` left in the folder.

    What the other stages would leave stands there in its shape: `described` of one dictionary for all.
    """

    def __init__(
        self,
        outlook: Outlook,
        folder: Path,
        parts: Sequence[Dictionary],
        groups: Sequence[HeadGroup],
        windows: Windows,
    ) -> None:
        self.outlook, self.model, self.folder = outlook, outlook.model, folder
        self.parts, self.groups, self.windows = list(parts), groups, windows

    def written(self, described: dict[str, np.ndarray]) -> Stores:
        """Writes them."""
        with ThreadPoolExecutor(os.cpu_count() or 1) as pool:  # as the stage: they share the interpreter
            found = list(pool.map(partial(self._dictionary, described=described), self.parts))
        stored = {part.id: told for part, (told, _) in zip(self.parts, found, strict=True)}
        firings = {part.id: fired for part, (_, fired) in zip(self.parts, found, strict=True)}
        return Stores(
            stored, firings, self._heads(), self._search(), self._token_index(), self.windows.counted_tokens
        )

    def _dictionary(self, part: Dictionary, described: dict[str, np.ndarray]) -> tuple[Stored, np.ndarray]:
        name, beside_name, n = f"{part.id}.npz", f"{part.id}+virtual.npz", part.n_latents
        told = {key: np.resize(array, (n, *array.shape[1:])) for key, array in described.items()}
        own = {k: v for k, v in told.items() if not k.startswith(("upstream", "downstream"))}
        save_arrays(self.folder / "describe" / name, own)
        beside = {k: v for k, v in told.items() if k.startswith(("upstream", "downstream"))}
        save_arrays(self.folder / "describe" / beside_name, beside)
        if effects.asked(self.outlook.params, [part]):
            save_arrays(self.folder / "effects" / name, self._ablations(n))
        if self.outlook.params.map:
            random = np.random.default_rng(0)
            xy = random.integers(0, 65_536, (n, 2)).astype(np.uint16)
            laid_out = {"map/xy": xy, "map/region": random.integers(0, 40, n).astype(np.uint8)}
            save_arrays(self.folder / "map" / name, laid_out)
        into, shape = self.folder / f"{part.id}.zarr", self.model.shape
        seconds = seconds_of(
            lambda: write_dictionary(
                into,
                part,
                mates_of(part, self.parts),
                Partners([stand_in(shape.d_model, 8)], [stand_in(shape.d_model, 8)]),
                self.folder,
                self.windows,
                self.outlook.params.describe.fires_on_min_count,
                shape.d_vocab,
                shape.d_model,
            )
        )
        with np.load(self.folder / "scan" / name) as scanned:
            firings, slots = scanned["moments/firings"].astype(np.int64), _shown(scanned)
        examples = _bytes(into / "examples")
        left = [path for each in (name, beside_name) for path in self.folder.glob(f"*/{each}")]
        return Stored(
            examples / max(1, slots),
            (_bytes(into) - examples) / n,
            sum(path.stat().st_size for path in left) / n,
            seconds / n,
        ), firings

    def _search(self) -> Stored:
        """Of a unit in the search index."""
        stores = [(part.id, f"{part.id}.zarr") for part in self.parts]
        d_vocab, n = self.model.shape.d_vocab, sum(part.n_latents for part in self.parts)
        texts = [f" word{number}" for number in range(d_vocab)]
        if self.outlook.text.has_tokenizer:
            texts, _ = self.outlook.folder.tokenizer().vocabulary(d_vocab)
        arrays = {"text": np.array(texts, dtype=object), "kind": np.zeros(d_vocab, np.uint8)}
        create_group(self.folder / "vocabulary.zarr", VOCABULARY, arrays, {})
        into = self.folder / SEARCH_INDEX
        took = seconds_of(lambda: write_search(into, self.folder, stores)) if stores else 0.0
        return Stored(0, _bytes(into) / max(1, n), 0, took / max(1, n))

    def _token_index(self) -> Stored:
        """Of a unit in the token index; `rest` are its bytes if no type has more units than are told."""
        into, n = self.folder / "tokens.zarr", sum(part.n_latents for part in self.parts)
        counts = self.windows.type_counts(self.model.shape.d_vocab)

        def write() -> None:
            index, first = UnitsByToken(counts), 0
            for part in self.parts:
                name = f"{part.id}.npz"
                with (
                    np.load(self.folder / "scan" / name) as scanned,
                    np.load(self.folder / "describe" / name) as told,
                ):
                    index.add(scanned, told, first)
                first += part.n_latents
            create_group(into, TOKENS, index.arrays(), {})

        took = seconds_of(write)
        return Stored(0, _bytes(into) / max(1, n), 0, took / max(1, n))

    def _ablations(self, n: int) -> dict[str, np.ndarray]:
        random, k = np.random.default_rng(0), self.outlook.params.effects.examples
        widths = {"ablated": k, "moved": k * N_MOVED}
        floats = [f for f in FLOATS if f.axis in widths]
        ints = [f for f in INTS if f.axis in widths]
        d_vocab = self.model.shape.d_vocab
        return {f.name: random.normal(size=(n, widths[f.axis])).astype("f4") for f in floats} | {
            f.name: random.integers(0, d_vocab, (n, widths[f.axis])).astype("u4") for f in ints
        }

    def _heads(self) -> Stored:
        """Of a layer."""
        if not self.groups:
            return Stored(0, 0, 0, 0)
        group, into = self.groups[0], self.folder / "heads.zarr"
        types = np.arange(group.n_heads * N_HEAD_TYPES).reshape(-1, N_HEAD_TYPES) % self.model.shape.d_vocab
        told = (
            describe_heads(self.model, 0, HeadTokens(types, types))
            | random_scores(self.model, self.windows.bos)[0]
        )
        save_arrays(self.folder / "describe" / f"{group.id}.npz", told)
        seconds = seconds_of(
            lambda: write_heads(into, group, self.folder, self.windows, self.model.shape.d_vocab)
        )
        work = sum(path.stat().st_size for path in self.folder.glob(f"*/{group.id}.npz"))
        return Stored(0, _bytes(into), work, seconds)


def _shown(scanned: Mapping[str, np.ndarray]) -> int:
    """Examples that a scan's arrays hold and the atlas shows: of octaves' samples those in bands."""
    lists = [f"{part}/key" for part in ("top", "bottom", "samples/random") if f"{part}/key" in scanned]
    bands = int((band_rows(dict(scanned))["rows"] >= 0).sum())
    return bands + sum(int((scanned[name] > 0).sum()) for name in lists)


def _bytes(folder: Path) -> int:
    return sum(path.stat().st_size for path in folder.rglob("*") if path.is_file())
