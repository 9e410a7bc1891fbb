"""Batches -> what the scans keep: one forward pass for all dictionaries and heads, on all cores."""

from __future__ import annotations

from collections import defaultdict
from functools import partial

import torch

from feature_atlas.errors import InputError
from pipeline.core.accumulate.fired import Fired
from pipeline.core.dictionary_scan import DictionaryScan
from pipeline.core.encode import starts
from pipeline.core.head_scan import HeadScan
from pipeline.core.heads import PER_HEAD
from pipeline.core.inputs import Acts, activation
from pipeline.core.layer import layers_of
from pipeline.core.model import Read, SubjectModel
from pipeline.core.windows import Batch
from pipeline.core.workers import Workers


class Sweep:
    """Takes in a few batches at once: each is read by one thread, then threads take in blocks of
    latents, and heads.

    `chosen` says that co-firing partners are known already; else what comes before `choose` is the
    sample in which they are found.
    """

    def __init__(
        self,
        crew: Workers,
        model: SubjectModel,
        read: Read,
        scans: list[DictionaryScan],
        heads: list[HeadScan],
        chosen: bool,
    ) -> None:
        self._crew, self._model, self._read, self._scans, self._heads = crew, model, read, scans, heads
        self._layers = layers_of(scans, chosen)
        self._blocks = [(scan, lo) for scan in scans for lo in starts(scan.dictionary)]

    def add(self, batches: tuple[Batch, ...]) -> None:
        """Reads the batches and takes them in, in order."""
        self.take(self.read(batches), batches)

    def read(self, batches: tuple[Batch, ...]) -> list[Acts]:
        """What the model does with them."""
        return self._crew.do(partial(counted, self._model, self._read, batch) for batch in batches)

    def take(self, acts: list[Acts], batches: tuple[Batch, ...]) -> None:
        """Takes in what was read."""
        fired = self._accumulate(acts, batches)
        self._attend(acts, batches)
        for layer in self._layers:
            layer.add(self._crew, [Fired.beside(fired[scan.dictionary.id]) for scan in layer.scans])

    def choose(self) -> None:
        """Ends the sample."""
        for layer in self._layers:
            layer.choose(self._crew)

    def _accumulate(self, acts: list[Acts], batches: tuple[Batch, ...]) -> dict[str, list[Fired]]:
        """By dictionary where the latents fire, block by block."""
        read = {
            scan.id: [scan.dictionary.read(activation(scan.dictionary, each, self._model)) for each in acts]
            for scan in self._scans
        }
        z = {
            scan.id: [scan.source.read(scan.dictionary, each, self._model) for each in acts]
            for scan in self._scans
            if scan.source is not None
        }
        found = self._crew.do(
            partial(scan.add, read[scan.id], z.get(scan.id, []), lo, batches) for scan, lo in self._blocks
        )
        fired: dict[str, list[Fired]] = defaultdict(list)
        for (scan, _), where in zip(self._blocks, found, strict=True):
            if where is not None:
                fired[scan.dictionary.id].append(where)
        return fired

    def _attend(self, acts: list[Acts], batches: tuple[Batch, ...]) -> None:
        jobs = []
        for scan in self._heads:
            patterns = [each[scan.group.pattern].cpu().numpy() for each in acts]
            values = [each[scan.group.values] for each in acts]
            jobs += [partial(scan.add, head, batches, patterns, values) for head in range(scan.group.n_heads)]
        self._crew.do(jobs)


def counted(model: SubjectModel, read: Read, batch: Batch) -> Acts:
    """Activations at the counted positions, [column, width]; of heads those at all."""
    there = torch.from_numpy(batch.counted).to(model.device)
    found = read(torch.from_numpy(batch.windows))
    chosen = {point: x if point.point in PER_HEAD else x[there] for point, x in found.items()}
    for point, x in chosen.items():
        if not torch.isfinite(x.sum()):
            raise InputError(f"the model's activations at {point} are not finite: its weights are damaged")
    return chosen
