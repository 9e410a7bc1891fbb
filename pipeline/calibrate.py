"""A short run of the stages' own code on a few windows and latents: what each costs on this machine."""

from __future__ import annotations

import os
import tempfile
import time
from collections.abc import Generator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import numpy as np

from feature_atlas.contract import N_HEAD_TYPES
from pipeline import describe, effects, map
from pipeline.calibrate_stores import Stores, TrialStores
from pipeline.core.circuits import HeadTokens, describe_heads
from pipeline.core.clean import READ
from pipeline.core.dictionaries import Dictionary
from pipeline.core.files import save_arrays
from pipeline.core.fits import Amount, Line, Parabola, seconds_of
from pipeline.core.heads import HeadGroup
from pipeline.core.local_engine import scan_here
from pipeline.core.outlook import Outlook
from pipeline.core.params import Params
from pipeline.core.parts import Parts
from pipeline.core.planned import Planned, stand_in
from pipeline.core.progress import say, silence
from pipeline.core.repeated import random_scores
from pipeline.core.scanner import Scanner
from pipeline.core.units import Tree
from pipeline.core.virtual import Partners, virtual_weights
from pipeline.core.windows import Windows
from pipeline.scan import new_head_scans, new_scans, points_of

BATCH = 2_048  # tokens of a batch: long windows need fewer
FEW, MANY = 2, 6  # batches that each thread reads in the two scans, one of them of the sample in both
DESCRIBED = 1024  # latents of the larger of two that are described, and mapped
ABLATED, EXAMPLES = 4_096, 8  # tokens of the windows in which latents are ablated, and examples in each


@dataclass(frozen=True)
class Scanned:
    """Seconds of a pass: to start, over each window, and more over each of the sample."""

    start: Amount
    whole: Amount
    sample: Amount


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
    stores: Stores


def calibrate(outlook: Outlook) -> Rates:
    """Runs for a minute; longer of wide models. The first run of anything is not counted: it compiles."""
    with tempfile.TemporaryDirectory() as folder:
        return Calibration(outlook, Path(folder)).rates()


class Calibration:
    """The short run."""

    def __init__(self, outlook: Outlook, folder: Path) -> None:
        self.outlook, self.model, self.folder = outlook, outlook.model, folder
        self.parts = _unique(outlook.planned)
        self.latents = [each for each in self.parts if each.W_enc is not None]
        self.neurons = [each for each in self.parts if each.W_enc is None]
        self.groups = [group for group in outlook.groups if group.layer < self.model.n_layers]
        self.batch = max(1, BATCH // outlook.params.ctx)
        self.round = self.batch * (os.cpu_count() or 1)  # windows that all threads read at once
        self.few, self.many = (outlook.sample(n * self.round) for n in (FEW, MANY))
        for stage in ("scan", "describe", "map", "effects"):
            (folder / stage).mkdir()

    def rates(self) -> Rates:
        """All of them."""
        rates: dict[str, Any] = {}
        with _told("describing"):
            described = self._described(DESCRIBED)
            rates |= {"describe": self._describe(), "virtual": self._virtual()}
            rates |= {"head_circuits": self._head_circuits(), "random_scores": self._random_scores()}
        with _told("ablating"):
            rates["ablation"] = self._ablation()
        with _told("mapping"):
            rates["map"], rates["map_start"] = self._map()
        with _told("scanning"):
            rates |= self._scans()
        with _told("writing"):
            stores = TrialStores(self.outlook, self.folder, self.parts, self.groups, self.many)
            return Rates(**rates, stores=stores.written(described))

    def _scans(self) -> dict[str, Scanned]:
        if self.outlook.has_weights:
            self.model.cut_after(points_of(self.parts, self.groups, self.model.shape))
        forward = self._scanned([], [], Scanned(0, 0, 0))
        return {
            "forward": forward,
            "latents": self._scanned(self.latents, [], forward),
            "neurons": self._scanned(self.neurons, [], forward),
            "heads": self._scanned([], self.groups, forward),
        }

    def _scanned(self, parts: list[Dictionary], groups: list[HeadGroup], forward: Scanned) -> Scanned:
        """Beyond `forward`, by two scans of one sample: what windows take, and those of the sample more."""
        if forward.whole and not parts and not groups:
            return Scanned(0, 0, 0)
        self._scan(parts, groups, self.outlook.sample(self.round))
        line = Line.through(
            (len(self.few), self._scan(parts, groups, self.few)),
            (len(self.many), self._scan(parts, groups, self.many)),
        )
        sample = line.fixed / self.round if any(not each.two_signed for each in parts) else 0.0
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
        changed = {"batch": self.batch, "checkpoint_seconds": 1e9}
        changed["cofiring_tokens"] = self.round * windows.stride
        settings = self.outlook.params.scan.model_copy(update=changed)
        return self.outlook.params.model_copy(update={"scan": settings})

    def _described(self, n: int) -> dict[str, np.ndarray]:
        one = stand_in(self.model.shape.d_model, n)
        found = describe.describe(one, self.model)
        return found | virtual_weights(one, Partners([one], [one]), self.model)

    def _describe(self) -> Parabola:
        timed = [
            (n, seconds_of(lambda n=n: describe.describe(stand_in(self.model.shape.d_model, n), self.model)))
            for n in (DESCRIBED // 2, DESCRIBED)
        ]
        return Parabola.through(*timed)

    def _virtual(self) -> float:
        """Seconds of a pair of a latent and a unit of its partners."""
        one = stand_in(self.model.shape.d_model, DESCRIBED)
        return seconds_of(lambda: virtual_weights(one, Partners([one], [one]), self.model)) / (
            2 * DESCRIBED**2
        )

    def _head_circuits(self) -> float:
        """Seconds of a layer."""
        if not self.groups:
            return 0.0
        types = np.arange(self.groups[0].n_heads * N_HEAD_TYPES).reshape(-1, N_HEAD_TYPES)
        types %= self.model.shape.d_vocab
        return seconds_of(lambda: describe_heads(self.model, 0, HeadTokens(types, types)))

    def _random_scores(self) -> float:
        if not self.groups:
            return 0.0
        return seconds_of(lambda: random_scores(self.model, self.few.bos))

    def _ablation(self) -> Line:
        """Seconds of an example, by the layers that come after."""
        if not self.outlook.params.effects.examples:
            return Line(0, 0)
        n, windows = self.model.n_layers, self.outlook.sample(max(READ, ABLATED // self.outlook.params.ctx))
        ends = [(float(n - 1 - layer), self._ablated(layer, windows)) for layer in (n - 1, 0)]
        return Line.through(*ends) if n > 1 else Line(ends[0][1], 0.0)

    def _ablated(self, layer: int, windows: Windows) -> float:
        random = np.random.default_rng(0)
        window = np.repeat(np.arange(len(windows)), EXAMPLES)
        peak = (random.random(len(window)) * (windows.lengths[window] - 1)).astype(np.int64) + 1
        one = stand_in(self.model.shape.d_model, len(window), layer)
        some = effects.Examples(np.arange(len(window)), window, peak, 1)
        rerun = effects.Rerun(self.model, [one], {one.id: some}, windows)
        found = effects.Found({one.id: len(window)})
        rerun.do(0, found)
        return seconds_of(lambda: rerun.do(0, found)) / len(window)

    def _map(self) -> tuple[Line, Amount]:
        """By latents; and what the first takes more."""
        if not self.outlook.params.map:
            return Line(0, 0), 0.0
        timed: list[tuple[Amount, Amount]] = []
        for n in (DESCRIBED // 4, DESCRIBED // 2, DESCRIBED):
            one = stand_in(self.model.shape.d_model, n)
            told = describe.describe(one, self.model)
            directions = map.directions(one, None)
            timed.append((n, seconds_of(lambda d=directions, t=told: map.map_arrays(d, t))))
        line = Line.through(timed[1], timed[2])
        return line, max(0.0, timed[0][1] - line.at(timed[0][0]))


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


@contextmanager
def _told(what: str) -> Generator[None]:
    """Says what is timed; what the stages say meanwhile is not shown."""
    say(f"short run: {what}")
    with silence():
        yield
