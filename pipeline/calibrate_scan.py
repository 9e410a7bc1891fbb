"""A scan of a few windows, in which the forward pass and each kind of units are timed apart."""

from __future__ import annotations

import os
import time
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from statistics import median
from typing import Any

from torch import Tensor

from pipeline.core.accumulate.block import Block
from pipeline.core.dictionaries import Dictionary
from pipeline.core.dictionary_scan import DictionaryScan
from pipeline.core.files import save_arrays
from pipeline.core.fits import Amount, seconds_of
from pipeline.core.gathered import Gathered
from pipeline.core.head_scan import HeadScan
from pipeline.core.heads import HeadGroup
from pipeline.core.inputs import Acts
from pipeline.core.memory import state_bytes
from pipeline.core.outlook import Outlook
from pipeline.core.scanner import grouped
from pipeline.core.sweep import Sweep
from pipeline.core.windows import Batch
from pipeline.core.workers import workers
from pipeline.scan import new_head_scans, new_scans, points_of

BATCH = 2_048  # tokens of a batch: of long windows there are fewer
SAMPLED, AFTER = 3, 5  # batches that each thread reads in the sample and after it


@dataclass(frozen=True)
class Scanned:
    """Seconds beyond the forward pass of all units that were run: over a window of the sample in which
    co-firing partners are sought, over one after it, of that what is no encoding, and to write down what
    was gathered."""

    sample: Amount
    after: Amount
    taking: Amount
    result: Amount


@dataclass(frozen=True)
class ScanRates:
    """`forward` are the seconds of a window; `state` the bytes of what was gathered."""

    forward: Amount
    state: int
    latents: Scanned
    neurons: Scanned
    heads: Scanned


class Encoded(DictionaryScan):
    """A scan that encodes each block once: of the same batches it takes what is there."""

    def __init__(self, *made_of: Any) -> None:
        super().__init__(*made_of)
        self._there: dict[int, list[Block]] = {}

    def blocks(self, read: list[Tensor], lo: int, batches: tuple[Batch, ...]) -> Iterable[Block]:
        """Kept."""
        if lo not in self._there:
            self._there[lo] = list(super().blocks(read, lo, batches))
        return self._there[lo]


class Kind:
    """Units that are timed together. `begin` makes a sweep of scans."""

    def __init__(
        self, scans: list[DictionaryScan], heads: list[HeadScan], begin: Callable[..., Sweep]
    ) -> None:
        self._scans, self._heads, self._begin = scans, heads, begin
        self._sweep, self._times = begin(scans, heads, chosen=False), list[float]()
        self._choosing = self._taking = 0.0

    def take(self, acts: list[Acts], batches: tuple[Batch, ...]) -> None:
        """A round; before the first after the sample finds partners."""
        if len(self._times) == SAMPLED:
            self._choosing = seconds_of(self._sweep.choose)
        self._times.append(seconds_of(lambda: self._sweep.take(acts, batches)))

    def take_encoded(self, acts: list[Acts], batches: tuple[Batch, ...]) -> None:
        """The same round a second time, into scans of its own, partners and what is encoded being there."""
        encoded = [Encoded(*each.made_of) for each in self._scans]
        Gathered(encoded).lay(Gathered(self._scans).partners())
        sweep = self._begin(encoded, [each.fresh() for each in self._heads], chosen=True)
        sweep.take(acts, batches)
        self._taking = median(seconds_of(lambda: sweep.take(acts, batches)) for _ in range(AFTER - 1))

    def scanned(self, windows: int, folder: Path) -> Scanned:
        """Of rounds of so many windows; writes the results. What comes first compiles, and is not counted."""
        sample, after = median(self._times[1:SAMPLED]), median(self._times[SAMPLED + 1 :])
        sample += self._choosing / SAMPLED
        return Scanned(sample / windows, after / windows, self._taking / windows, self._written(folder))

    @property
    def state(self) -> int:
        """Bytes of what is gathered."""
        return state_bytes(self._scans, self._heads)

    def _written(self, folder: Path) -> float:
        def write() -> None:
            for each in (*self._scans, *self._heads):
                save_arrays(folder / f"{each.id}.npz", each.result())

        return seconds_of(write)


class TrialScan:
    """Of `parts` and `groups` over a few random windows of the text."""

    def __init__(self, outlook: Outlook, parts: Sequence[Dictionary], groups: Sequence[HeadGroup]) -> None:
        self.model, self.params = outlook.model, outlook.params
        self.parts, self.groups = list(parts), list(groups)
        self.batch = max(1, BATCH // self.params.ctx)
        self.round = self.batch * (os.cpu_count() or 1)  # windows that all threads read at once
        self.windows = outlook.sample((SAMPLED + AFTER) * self.round)

    def rates(self, folder: Path) -> ScanRates:
        """Runs it, and leaves what it found in `folder`."""
        forward, acts, batches = list[float](), list[Acts](), tuple[Batch, ...]()
        points = points_of(self.parts, self.groups, self.model.shape)
        with workers(device=self.model.device) as crew, self.model.catching(points) as read:
            begin = partial(Sweep, crew, self.model, read)
            kinds, bare = self._kinds(begin), begin([], [], chosen=False)
            for batches in grouped(self.windows.batches(self.batch), crew.n):
                started = time.perf_counter()
                acts = bare.read(batches)
                forward.append(time.perf_counter() - started)
                for kind in kinds:
                    kind.take(acts, batches)
            for kind in kinds:
                kind.take_encoded(acts, batches)
        told = (kind.scanned(self.round, folder) for kind in kinds)
        return ScanRates(median(forward[1:]) / self.round, sum(kind.state for kind in kinds), *told)

    def _kinds(self, begin: Callable[..., Sweep]) -> list[Kind]:
        """Latents, neurons, heads."""
        d_vocab = self.model.shape.d_vocab
        scans = new_scans(self.parts, self.parts, self.model, self.windows, self.params, d_vocab)
        latents = [each for each in scans if each.dictionary.W_enc is not None]
        neurons = [each for each in scans if each.dictionary.W_enc is None]
        heads = new_head_scans(self.groups, self.model, self.windows, self.params, d_vocab)
        return [Kind(latents, [], begin), Kind(neurons, [], begin), Kind([], heads, begin)]
