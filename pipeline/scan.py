"""Windows -> top examples, samples, moments, histograms, fires-on: every dictionary, one pass.

Writes `scan/<dictionary>.npz`. The state is on disk every few seconds, replaced atomically; a
killed scan goes on from there and ends with the same bits, since batches have one fixed shape and
are taken in in corpus order.
"""

from __future__ import annotations

import os
import time
from collections.abc import Callable, Generator, Iterable, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from functools import partial
from itertools import islice
from pathlib import Path

import numpy as np
import torch
from jaxtyping import Integer
from torch import Tensor

from feature_atlas.address import HookPoint
from feature_atlas.errors import InputError
from pipeline.core.accumulate.examples import Extremes, Samples
from pipeline.core.accumulate.fires_on import FiresOn
from pipeline.core.accumulate.moments import Moments
from pipeline.core.dictionaries import Dictionary
from pipeline.core.encode import block, starts
from pipeline.core.files import StageFolder, digest, load_arrays, save_arrays
from pipeline.core.model import Read, SubjectModel
from pipeline.core.model_folder import ModelFolder
from pipeline.core.params import Params
from pipeline.core.progress import say, step
from pipeline.core.subject import load_dictionaries
from pipeline.core.windows import Batch, Windows, corpus_digest, load_corpus

VERSION = 3
STATE = "state.npz"


class DictionaryScan:
    """Everything the scan keeps of one dictionary."""

    def __init__(self, dictionary: Dictionary, params: Params, counts: Integer[np.ndarray, " type"]) -> None:
        n, signs, k = dictionary.n_latents, dictionary.two_signed, params.scan.n_top
        self.dictionary = dictionary
        self.fires_on = FiresOn(n, counts, params.scan.fires_on_types, signs)
        self.parts: dict[str, Moments | Extremes | Samples | FiresOn] = {
            "moments": Moments(n),
            "top": Extremes(n, k, signs),
            **({"bottom": Extremes(n, k, signs, sign=-1)} if signs else {}),
            "samples": Samples(n, signs, dictionary.id, params.scan.seed),
            "fires_on": self.fires_on,
        }

    def add(self, read: list[Tensor], lo: int, batches: tuple[Batch, ...]) -> None:
        """Encodes the block of latents from `lo` on at the counted positions of some batches, in order."""
        for x, batch in zip(read, batches, strict=True):
            firings = block(self.dictionary, x, lo, batch)
            for part in self.parts.values():
                part.add(firings)

    def state(self) -> dict[str, np.ndarray]:
        """Every array kept, by a name that says whose it is."""
        return {
            f"{name}/{array}": value
            for name, part in self.parts.items()
            for array, value in part.state().items()
        }


class Checkpoint:
    """When to save: every so many seconds, but never for more than a twentieth of the time."""

    def __init__(self, seconds: float) -> None:
        self._seconds = self._pause = seconds
        self._taken = time.monotonic()

    def is_due(self) -> bool:
        """Whether enough time has gone since the last one."""
        return time.monotonic() - self._taken >= self._pause

    def take(self, save: Callable[[], None]) -> None:
        """Saves, and sets when to save next."""
        started = time.monotonic()
        save()
        self._taken = time.monotonic()
        self._pause = max(self._seconds, 20 * (self._taken - started))


def run(params: Params, work: Path) -> None:
    """Scans the corpus in `work/tokens` into `work/scan`, or goes on with it, or finds it done."""
    folder = ModelFolder.resolve(params.model)
    dictionaries = load_dictionaries(params, folder)
    stage = StageFolder(work / "scan", key(params, folder, dictionaries, work))
    if stage.is_finished():
        return
    stage.open()
    windows = open_windows(params, folder, work)
    scans = new_scans(dictionaries, windows, params, folder.record.d_vocab)
    model = load_cut_model(folder, dictionaries, params.device)
    _scan(model, scans, windows, params, stage.path)
    for scan in scans:
        save_arrays(stage.path / f"{scan.dictionary.id}.npz", _result(scan))
    (stage.path / STATE).unlink(missing_ok=True)
    stage.finish()


def open_windows(params: Params, folder: ModelFolder, work: Path) -> Windows:
    """The windows that the parameters cut from the corpus in `work/tokens`."""
    if params.ctx > folder.record.n_ctx:
        raise InputError(f"ctx is {params.ctx}, but the model reads at most {folder.record.n_ctx} tokens")
    windows = Windows(load_corpus(work / "tokens"), params.ctx, folder.bos(params.bos))
    if not windows.counted_tokens:
        raise InputError("no position of the corpus is counted: its documents are too short; add text")
    return windows


def key(params: Params, folder: ModelFolder, dictionaries: list[Dictionary], work: Path) -> str:
    """Digest of all that determines the scan's outcome."""
    return digest(
        "scan",
        VERSION,
        corpus_digest(work / "tokens"),
        folder.record.weights,
        folder.config,
        [dictionary.identity for dictionary in dictionaries],
        params.ctx,
        folder.bos(params.bos),
        params.device,
        torch.__version__,
        params.scan.model_dump(exclude={"checkpoint_seconds"}),
    )


def new_scans(
    dictionaries: list[Dictionary], windows: Windows, params: Params, d_vocab: int
) -> list[DictionaryScan]:
    """An empty scan of each dictionary; says how much memory they take."""
    counts = windows.type_counts(d_vocab)
    scans = [DictionaryScan(dictionary, params, counts) for dictionary in dictionaries]
    size = sum(array.nbytes for scan in scans for array in scan.state().values())
    n_latents = sum(dictionary.n_latents for dictionary in dictionaries)
    say(
        f"scan: {n_latents:,} units over {windows.counted_tokens:,} counted tokens;"
        f" the state takes {size / 2**20:,.0f} MiB of memory and of disk"
    )
    return scans


def load_cut_model(folder: ModelFolder, dictionaries: list[Dictionary], device: str) -> SubjectModel:
    """The model up to the deepest hook point that a dictionary reads."""
    model = SubjectModel.load(folder, device)
    model.cut_after(dictionary.hook_in for dictionary in dictionaries)
    return model


def _scan(
    model: SubjectModel, scans: list[DictionaryScan], windows: Windows, params: Params, folder: Path
) -> None:
    """The pass. A few batches are read at once, each by one thread; then each thread takes in blocks.

    Torch itself runs one thread: many small matrix products side by side leave no core waiting.
    """
    done = _restore(folder, scans)
    points = sorted({scan.dictionary.hook_in for scan in scans})
    threads, checkpoint = os.cpu_count() or 1, Checkpoint(params.scan.checkpoint_seconds)
    with (
        _one_torch_thread(),
        model.catching(points) as read,
        ThreadPoolExecutor(threads) as pool,
        step("scan", len(windows), "windows", done) as progress,
    ):
        for batches in _grouped(windows.batches(params.scan.batch, done), threads):
            acts = list(pool.map(partial(counted, model, read), batches))
            _together(pool, _jobs(scans, acts, batches))
            done += sum(len(batch.windows) for batch in batches)
            progress.advance(sum(len(batch.windows) for batch in batches))
            if checkpoint.is_due():
                checkpoint.take(partial(_save, folder, scans, done))


def _grouped(batches: Iterator[Batch], n: int) -> Iterator[tuple[Batch, ...]]:
    while group := tuple(islice(batches, n)):
        yield group


@contextmanager
def _one_torch_thread() -> Generator[None]:
    threads = torch.get_num_threads()
    torch.set_num_threads(1)
    try:
        yield
    finally:
        torch.set_num_threads(threads)


def counted(model: SubjectModel, read: Read, batch: Batch) -> dict[HookPoint, Tensor]:
    """Activations at the counted positions, [column, width]."""
    there = torch.from_numpy(batch.counted).to(model.device)
    chosen = {point: x[there] for point, x in read(torch.from_numpy(batch.windows)).items()}
    for point, x in chosen.items():
        if not torch.isfinite(x.sum()):
            raise InputError(f"the model's activations at {point} are not finite: its weights are damaged")
    return chosen


def _jobs(
    scans: list[DictionaryScan], acts: list[dict[HookPoint, Tensor]], batches: tuple[Batch, ...]
) -> Iterator[Callable[[], None]]:
    """For each block of latents one, which takes in the batches in order."""
    for scan in scans:
        dictionary = scan.dictionary
        read = [dictionary.read(each[dictionary.hook_in]) for each in acts]
        for lo in starts(dictionary):
            yield partial(scan.add, read, lo, batches)


def _together(pool: ThreadPoolExecutor, jobs: Iterable[Callable[[], None]]) -> None:
    for job in [pool.submit(job) for job in jobs]:
        job.result()


def _save(folder: Path, scans: list[DictionaryScan], done: int) -> None:
    arrays = {f"{i}/{name}": array for i, scan in enumerate(scans) for name, array in scan.state().items()}
    save_arrays(folder / STATE, {**arrays, "done": np.array(done)})


def _restore(folder: Path, scans: list[DictionaryScan]) -> int:
    """Lays the saved state into the scans; returns how many windows they have taken in."""
    if not (folder / STATE).is_file():
        return 0
    saved = load_arrays(folder / STATE)
    for i, scan in enumerate(scans):
        for name, array in scan.state().items():
            array[...] = saved[f"{i}/{name}"]
    done = int(saved["done"])
    say(f"scan: going on after {done:,} windows")
    return done


def _result(scan: DictionaryScan) -> dict[str, np.ndarray]:
    table = {"fires_on/types": scan.fires_on.types, "fires_on/occurs": scan.fires_on.occurs}
    return {**scan.state(), **table}
