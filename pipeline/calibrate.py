"""A short run of the stages' own code on a few windows and latents: what each costs on this machine."""

from __future__ import annotations

import tempfile
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import numpy as np
import torch

from feature_atlas.address import HookPoint
from feature_atlas.contract import (
    FLOATS,
    INTS,
    N_BANDS,
    N_HEAD_TYPES,
    N_MOVED,
    N_RANDOM,
    PER_BAND,
    TOKENS,
    VOCABULARY,
)
from feature_atlas.search_index import SEARCH_INDEX, write_search
from feature_atlas.store import create_group
from pipeline import describe, effects, map
from pipeline.core.cards import band_rows
from pipeline.core.circuits import HeadTokens, describe_heads
from pipeline.core.dictionaries import Dictionary
from pipeline.core.files import save_arrays
from pipeline.core.fits import Amount, Line, Parabola
from pipeline.core.group import write_dictionary, write_heads
from pipeline.core.heads import HeadGroup
from pipeline.core.local_engine import scan_here
from pipeline.core.outlook import Outlook
from pipeline.core.params import Params
from pipeline.core.parts import Parts
from pipeline.core.planned import Planned, drawn
from pipeline.core.progress import silence
from pipeline.core.repeated import random_scores
from pipeline.core.scanner import Scanner
from pipeline.core.token_index import UnitsByToken
from pipeline.core.units import Tree
from pipeline.core.virtual import Partners, virtual_weights
from pipeline.core.windows import Windows
from pipeline.scan import new_head_scans, new_scans, points_of

FEW, MANY, SAMPLED = 64, 192, 32  # windows of the two scans, and of the sample in both
DESCRIBED = 1024  # latents of the larger of two that are described, and mapped
EXAMPLES = 8  # ablated in each window of a chunk
DRAWN = N_BANDS * PER_BAND + N_RANDOM  # slots of examples that are drawn


@dataclass(frozen=True)
class Scanned:
    """Seconds of a pass: to start, over each window, and more over each of the sample."""

    start: Amount
    whole: Amount
    sample: Amount


@dataclass(frozen=True)
class Stored:
    """Of a unit bytes in the atlas, of an example and of all else; in the work folder; seconds to write."""

    example: Amount
    rest: Amount
    work: Amount
    seconds: Amount


@dataclass(frozen=True)
class Rates:
    """What a short run took here. Of the scan what is beyond the forward pass, of all that were run."""

    forward: Scanned
    latents: Scanned
    neurons: Scanned
    heads: Scanned
    describe: Parabola
    virtual: Amount
    head_circuits: Amount
    random_scores: Amount
    ablation: Line
    map: Line
    map_start: Amount
    stored: dict[str, Stored]
    head_store: Stored
    search: Stored
    tokens: Stored
    firings: dict[str, np.ndarray]
    counted: int


def calibrate(outlook: Outlook) -> Rates:
    """Runs for a minute or less. The first run of anything is not counted: it compiles."""
    with silence(), tempfile.TemporaryDirectory() as folder:
        return Calibration(outlook, Path(folder)).rates()


class Calibration:
    """The short run."""

    def __init__(self, outlook: Outlook, folder: Path) -> None:
        self.outlook, self.model, self.folder = outlook, outlook.model, folder
        self.parts = _unique(outlook.planned)
        self.latents = [each for each in self.parts if each.W_enc is not None]
        self.neurons = [each for each in self.parts if each.W_enc is None]
        self.groups = [group for group in outlook.groups if group.layer < self.model.n_layers]
        self.few, self.many = outlook.sample(FEW), outlook.sample(MANY)
        for stage in ("scan", "describe", "map", "effects"):
            (folder / stage).mkdir()

    def rates(self) -> Rates:
        """All of them."""
        described = self._described(DESCRIBED)
        rates: dict[str, Any] = {"describe": self._describe(), "virtual": self._virtual()}
        rates |= {"head_circuits": self._head_circuits(), "random_scores": self._random_scores()}
        rates["ablation"] = self._ablation()
        rates["map"], rates["map_start"] = self._map()
        points = points_of(self.parts, self.groups, self.model.shape)
        if self.outlook.has_weights:
            self.model.cut_after(points)
        forward = rates["forward"] = self._scanned([], [], Scanned(0, 0, 0))
        rates["latents"] = self._scanned(self.latents, [], forward)
        rates["neurons"] = self._scanned(self.neurons, [], forward)
        rates["heads"] = self._scanned([], self.groups, forward)
        return Rates(**rates, **self._stored(described))

    def _scanned(self, parts: list[Dictionary], groups: list[HeadGroup], forward: Scanned) -> Scanned:
        """Beyond `forward`, by two scans of one sample: what windows take, and those of the sample more."""
        if forward.whole and not parts and not groups:
            return Scanned(0, 0, 0)
        self._scan(parts, groups, self.outlook.sample(SAMPLED // 2))
        line = Line.through(
            (len(self.few), self._scan(parts, groups, self.few)),
            (len(self.many), self._scan(parts, groups, self.many)),
        )
        sample = line.fixed / SAMPLED if any(not each.two_signed for each in parts) else 0.0
        return Scanned(0.0 if sample else line.fixed, max(0.0, line.slope - forward.whole), max(0.0, sample))

    def _scan(self, parts: list[Dictionary], groups: list[HeadGroup], windows: Windows) -> float:
        params = self._params(windows)
        scans, heads = self._new(parts, groups, windows, params)
        points = points_of(parts, groups, self.model.shape)
        scanner = Scanner(self.model, points, [*scans, *heads], windows, params.scan)
        started = time.perf_counter()
        found = scan_here(
            scanner, Parts(self.folder, Tree(len(scanner.units))), params.scan.checkpoint_seconds
        )
        seconds = time.perf_counter() - started
        if windows is self.many:
            for each in found.kept:
                save_arrays(self.folder / "scan" / f"{each.id}.npz", each.result())
        return seconds

    def _new(self, parts: list[Dictionary], groups: list[HeadGroup], windows: Windows, params: Params) -> Any:
        d_vocab = self.model.shape.d_vocab
        scans = new_scans(parts, parts, self.model, windows, params, d_vocab)
        return scans, new_head_scans(groups, self.model, windows, params, d_vocab)

    def _params(self, windows: Windows) -> Params:
        changed = {"cofiring_tokens": SAMPLED * windows.stride, "checkpoint_seconds": 1e9}
        settings = self.outlook.params.scan.model_copy(update=changed)
        return self.outlook.params.model_copy(update={"scan": settings})

    def _stand_in(self, n: int, layer: int = 0) -> Dictionary:
        """An SAE of the stream."""
        point, d = HookPoint("resid_post", layer), self.model.shape.d_model
        W_dec = torch.empty(n, d, device="meta")
        like = Dictionary("stand-in", "sae", "standard", point, point, n, "", "", W_dec=W_dec)
        return drawn(like, torch.randn(256, d, generator=torch.Generator().manual_seed(1)), n, point, point)

    def _described(self, n: int) -> dict[str, np.ndarray]:
        one = self._stand_in(n)
        found = describe.describe(one, self.model)
        return found | virtual_weights(one, Partners([one], [one]), self.model)

    def _describe(self) -> Parabola:
        timed = [
            (n, _seconds(lambda n=n: describe.describe(self._stand_in(n), self.model)))
            for n in (DESCRIBED // 2, DESCRIBED)
        ]
        return Parabola.through(*timed)

    def _virtual(self) -> float:
        """Seconds of a pair of a latent and a unit of its partners."""
        one = self._stand_in(DESCRIBED)
        return _seconds(lambda: virtual_weights(one, Partners([one], [one]), self.model)) / (2 * DESCRIBED**2)

    def _head_circuits(self) -> float:
        """Seconds of a layer."""
        if not self.groups:
            return 0.0
        types = np.arange(self.groups[0].n_heads * N_HEAD_TYPES).reshape(-1, N_HEAD_TYPES)
        types %= self.model.shape.d_vocab
        return _seconds(lambda: describe_heads(self.model, 0, HeadTokens(types, types)))

    def _random_scores(self) -> float:
        if not self.groups:
            return 0.0
        return _seconds(lambda: random_scores(self.model, self.few.bos))

    def _ablation(self) -> Line:
        """Seconds of an example, by the layers that come after."""
        if not self.outlook.params.effects.examples:
            return Line(0, 0)
        n, windows = self.model.n_layers, self.few
        ends = [(float(n - 1 - layer), self._ablated(layer, windows)) for layer in (n - 1, 0)]
        return Line.through(*ends) if n > 1 else Line(ends[0][1], 0.0)

    def _ablated(self, layer: int, windows: Windows) -> float:
        random = np.random.default_rng(0)
        window = np.repeat(np.arange(min(effects.CHUNK, len(windows))), EXAMPLES)
        peak = (random.random(len(window)) * (windows.lengths[window] - 1)).astype(np.int64) + 1
        one = self._stand_in(len(window), layer)
        some = effects.Examples(np.arange(len(window)), window, peak, 1)
        rerun = effects.Rerun(self.model, [one], {one.id: some}, windows)
        found = effects.Found({one.id: len(window)})
        rerun.do(0, found)
        return _seconds(lambda: rerun.do(0, found)) / len(window)

    def _map(self) -> tuple[Line, Amount]:
        """By latents; and what the first takes more."""
        if not self.outlook.params.map:
            return Line(0, 0), 0.0
        timed: list[tuple[Amount, Amount]] = []
        for n in (DESCRIBED // 4, DESCRIBED // 2, DESCRIBED):
            one = self._stand_in(n)
            told = describe.describe(one, self.model)
            directions = map.directions(one, None)
            timed.append((n, _seconds(lambda d=directions, t=told: map.map_arrays(d, t))))
        line = Line.through(timed[1], timed[2])
        return line, max(0.0, timed[0][1] - line.at(timed[0][0]))

    def _stored(self, described: dict[str, np.ndarray]) -> dict[str, Any]:
        """What the scans of the most windows left, made into groups of an atlas, and its size."""
        stored: dict[str, Stored] = {}
        firings: dict[str, np.ndarray] = {}
        for part in self.parts:
            mates = [each for each in self.latents if each.id != part.id] if not part.two_signed else []
            mates = [each for each in mates if each.hook_in.layer == part.hook_in.layer]
            stored[part.id], firings[part.id] = self._one_stored(part, mates, described)
        return {
            "stored": stored,
            "firings": firings,
            "head_store": self._heads_stored(),
            "search": self._search(),
            "tokens": self._token_index(),
            "counted": self.many.counted_tokens,
        }

    def _one_stored(
        self, part: Dictionary, mates: list[Dictionary], described: dict[str, np.ndarray]
    ) -> tuple[Stored, np.ndarray]:
        name, n = f"{part.id}.npz", part.n_latents
        told = {key: np.resize(array, (n, *array.shape[1:])) for key, array in described.items()}
        own = {k: v for k, v in told.items() if not k.startswith(("upstream", "downstream"))}
        save_arrays(self.folder / "describe" / name, own)
        beside = {k: v for k, v in told.items() if k.startswith(("upstream", "downstream"))}
        save_arrays(self.folder / "describe" / f"{part.id}+virtual.npz", beside)
        if effects.asked(self.outlook.params, [part]):
            save_arrays(self.folder / "effects" / name, self._ablations(n))
        if self.outlook.params.map:
            random = np.random.default_rng(0)
            xy = random.integers(0, 65_536, (n, 2)).astype(np.uint16)
            laid_out = {"map/xy": xy, "map/region": random.integers(0, 40, n).astype(np.uint8)}
            save_arrays(self.folder / "map" / name, laid_out)
        into, shape = self.folder / f"{part.id}.zarr", self.model.shape
        seconds = _seconds(
            lambda: write_dictionary(
                into,
                part,
                mates,
                Partners([self._stand_in(8)], [self._stand_in(8)]),
                self.folder,
                self.many,
                self.outlook.params.describe.fires_on_min_count,
                shape.d_vocab,
                shape.d_model,
            )
        )
        with np.load(self.folder / "scan" / name) as scanned:
            firings = scanned["moments/firings"].astype(np.int64)
            slots = sum(int((scanned[f"{part}/key"] > 0).sum()) for part in _kept(scanned.files))
        slots -= self._unused(name)
        examples = _bytes(into / "examples")
        paths = [path for path in self.folder.glob(f"*/{part.id}*.npz")]
        return Stored(
            examples / max(1, slots),
            (_bytes(into) - examples) / n,
            sum(path.stat().st_size for path in paths) / n,
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
        took = _seconds(lambda: write_search(into, self.folder, stores)) if stores else 0.0
        return Stored(0, _bytes(into) / max(1, n), 0, took / max(1, n))

    def _token_index(self) -> Stored:
        """Of a unit in the token index; `rest` are its bytes if no type has more units than are told."""
        into, n = self.folder / "tokens.zarr", sum(part.n_latents for part in self.parts)
        counts = self.many.type_counts(self.model.shape.d_vocab)

        def write() -> None:
            index, first = UnitsByToken(counts), 0
            for part in self.parts:
                name = f"{part.id}.npz"
                scanned, told = (np.load(self.folder / stage / name) for stage in ("scan", "describe"))
                index.add(scanned, told, first)
                first += part.n_latents
            create_group(into, TOKENS, index.arrays(), {})

        took = _seconds(write)
        return Stored(0, _bytes(into) / max(1, n), 0, took / max(1, n))

    def _unused(self, name: str) -> int:
        """Samples of octaves beyond those that the bands show."""
        with np.load(self.folder / "scan" / name) as scanned:
            kept = int((scanned["samples/octaves/key"] > 0).sum())
            return kept - int((band_rows(dict(scanned))["rows"] >= 0).sum())

    def _ablations(self, n: int) -> dict[str, np.ndarray]:
        random, k = np.random.default_rng(0), self.outlook.params.effects.examples
        widths = {"ablated": k, "moved": k * N_MOVED}
        floats = [f for f in FLOATS if f.axis in widths]
        ints = [f for f in INTS if f.axis in widths]
        d_vocab = self.model.shape.d_vocab
        return {f.name: random.normal(size=(n, widths[f.axis])).astype("f4") for f in floats} | {
            f.name: random.integers(0, d_vocab, (n, widths[f.axis])).astype("u4") for f in ints
        }

    def _heads_stored(self) -> Stored:
        """Of a layer."""
        if not self.groups:
            return Stored(0, 0, 0, 0)
        group, into = self.groups[0], self.folder / "heads.zarr"
        types = np.arange(group.n_heads * N_HEAD_TYPES).reshape(-1, N_HEAD_TYPES) % self.model.shape.d_vocab
        told = (
            describe_heads(self.model, 0, HeadTokens(types, types))
            | random_scores(self.model, self.few.bos)[0]
        )
        save_arrays(self.folder / "describe" / f"{group.id}.npz", told)
        seconds = _seconds(lambda: write_heads(into, group, self.folder, self.many, self.model.shape.d_vocab))
        work = sum(path.stat().st_size for path in self.folder.glob(f"*/{group.id}.npz"))
        return Stored(0, _bytes(into), work, seconds)


def _kept(names: Sequence[str]) -> list[str]:
    """The lists of examples among the arrays of a scan."""
    return [part for part in ("top", "bottom", "samples/octaves", "samples/random") if f"{part}/key" in names]


def _unique(planned: Sequence[Planned]) -> list[Dictionary]:
    """Those that are run: of dictionaries that are not there one of each kind, of all others each."""
    found: dict[tuple[Any, ...], Dictionary] = {}
    for each in planned:
        whole = each.whole
        key = kind_of(each)
        found.setdefault(key, replace(each.part, id=whole.id))
    return list(found.values())


def kind_of(each: Planned) -> tuple[Any, ...]:
    """Equal for dictionaries of which one tells what the others cost."""
    whole = each.whole
    if whole.W_enc is not None and whole.W_enc.device.type == "meta":
        return ("planned", whole.n_latents, whole.hook_in.point, whole.hook_out.point)
    return ("there", whole.id)


def _bytes(folder: Path) -> int:
    return sum(path.stat().st_size for path in folder.rglob("*") if path.is_file())


def _seconds(work: Callable[[], object]) -> float:
    started = time.perf_counter()
    work()
    return time.perf_counter() - started
