"""A model and all that is scanned of it: takes in one unit of windows. The same on every engine."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from itertools import islice

from feature_atlas.address import HookPoint
from pipeline.core.gathered import Gathered, Scan
from pipeline.core.model import SubjectModel
from pipeline.core.params import ScanParams
from pipeline.core.sweep import Sweep
from pipeline.core.units import Units
from pipeline.core.windows import Batch, Windows
from pipeline.core.workers import workers


class Scanner:
    """Reads at `points` of a model and feeds the scans `kept`, which stay empty, or fresh ones like them.

    `threads` share the work, by default as many as there are cores. The outcome does not depend on it.
    """

    def __init__(
        self,
        model: SubjectModel,
        points: list[HookPoint],
        kept: Sequence[Scan],
        windows: Windows,
        params: ScanParams,
        threads: int | None = None,
    ) -> None:
        self.model, self._points, self._windows = model, points, windows
        self._batch, self._threads = params.batch, threads
        self.empty, self.units = Gathered(kept), Units.of(windows, params)
        self._order = windows.order(self.units.sample, params.seed)

    def sample(self, into: Gathered) -> Iterator[int]:
        """Takes in the first windows of unit 0, and then finds co-firing partners in them.

        Yields, as `scan` does, every few batches how many windows are done. What is then in `into` is no
        state to go on from: partners are found at the end.
        """
        return self._sweep(into, 0, self.units.sample, chosen=False)

    def scan(self, unit: int, into: Gathered, done: int = 0) -> Iterator[int]:
        """Takes in a unit's windows but for the first `done`; `into` knows its co-firing partners."""
        start, stop = self.units.span(unit)
        for n in self._sweep(into, start + done, stop, chosen=True):
            yield done + n

    def _sweep(self, into: Gathered, start: int, stop: int, chosen: bool) -> Iterator[int]:
        model, done = self.model, 0
        with workers(self._threads, model.device) as crew, model.catching(self._points) as read:
            sweep = Sweep(crew, model, read, into.scans, into.heads, chosen)
            for batches in grouped(self._windows.batches(self._batch, self._order[start:stop]), crew.n):
                sweep.add(batches)
                done += sum(len(batch.windows) for batch in batches)
                yield done
            if not chosen:
                sweep.choose()


def grouped(batches: Iterator[Batch], n: int) -> Iterator[tuple[Batch, ...]]:
    """`n` at a time; the last may be fewer."""
    while group := tuple(islice(batches, n)):
        yield group
