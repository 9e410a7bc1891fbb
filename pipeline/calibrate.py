"""A short run of the stages' own code on a few windows and latents: what each costs on this machine."""

from __future__ import annotations

import tempfile
from collections.abc import Generator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, replace
from functools import partial
from pathlib import Path
from typing import Any

import numpy as np

from feature_atlas.contract import N_HEAD_TYPES
from pipeline import describe, map
from pipeline.calibrate_effects import EffectRates, effect_rates
from pipeline.calibrate_scan import ScanRates, TrialScan
from pipeline.calibrate_stores import Stores, TrialStores
from pipeline.core.circuits import HeadTokens, describe_heads
from pipeline.core.dictionaries import Dictionary
from pipeline.core.fits import Amount, Parabola, seconds_of
from pipeline.core.outlook import Outlook
from pipeline.core.planned import Planned, stand_in
from pipeline.core.progress import say, silence
from pipeline.core.repeated import random_scores
from pipeline.core.virtual import Partners, virtual_weights
from pipeline.scan import points_of

DESCRIBED = 1024  # latents of a dictionary that is described and mapped; of a larger one four times as many


@dataclass(frozen=True)
class Rates:
    """What a short run took here, in seconds: `virtual` of a pair, `head_circuits` of a layer, `map` of a
    latent, and what the first map takes more."""

    scan: ScanRates
    describe: Parabola
    virtual: Amount
    head_circuits: Amount
    random_scores: Amount
    map: Amount
    map_start: Amount
    effects: EffectRates | None
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
        self.groups = [group for group in outlook.groups if group.layer < self.model.n_layers]
        self.scan = TrialScan(outlook, self.parts, self.groups)
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
            rates["effects"] = effect_rates(self.outlook)
        with _told("mapping"):
            rates["map"], rates["map_start"] = self._map()
        with _told("scanning"):
            rates["scan"] = self._scan()
        with _told("writing"):
            stores = TrialStores(self.outlook, self.folder, self.parts, self.groups, self.scan.windows)
            return Rates(**rates, stores=stores.written(described))

    def _scan(self) -> ScanRates:
        if self.outlook.has_weights:
            self.model.cut_after(points_of(self.parts, self.groups, self.model.shape))
        return self.scan.rates(self.folder / "scan")

    def _described(self, n: int) -> dict[str, np.ndarray]:
        one = self._stand_in(n)
        found = describe.describe(one, self.model)
        return found | virtual_weights(one, Partners([one], [one]), self.model)

    def _describe(self) -> Parabola:
        timed = [
            (n, seconds_of(partial(describe.describe, self._stand_in(n), self.model)))
            for n in (DESCRIBED, 4 * DESCRIBED)
        ]
        return Parabola.through(*timed)

    def _virtual(self) -> float:
        n = 4 * DESCRIBED
        one = self._stand_in(n)
        return seconds_of(lambda: virtual_weights(one, Partners([one], [one]), self.model)) / (2 * n**2)

    def _stand_in(self, n: int) -> Dictionary:
        return stand_in(self.model.shape.d_model, n)

    def _head_circuits(self) -> float:
        if not self.groups:
            return 0.0
        types = np.arange(self.groups[0].n_heads * N_HEAD_TYPES).reshape(-1, N_HEAD_TYPES)
        types %= self.model.shape.d_vocab
        return seconds_of(lambda: describe_heads(self.model, 0, HeadTokens(types, types)))

    def _random_scores(self) -> float:
        if not self.groups:
            return 0.0
        return seconds_of(lambda: random_scores(self.model, self.scan.windows.bos))

    def _map(self) -> tuple[Amount, Amount]:
        if not self.outlook.params.map:
            return 0.0, 0.0
        one = self._stand_in(DESCRIBED)
        told, directions = describe.describe(one, self.model), map.directions(one, None)
        first, *later = (seconds_of(lambda: map.map_arrays(directions, told)) for _ in range(3))
        return min(later) / DESCRIBED, max(0.0, first - min(later))


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
