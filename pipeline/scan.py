"""Windows -> top examples, samples, moments, histograms, fires-on: every dictionary, one pass.

Writes `scan/<dictionary>.npz`. The state is on disk every few seconds, replaced atomically; a
killed scan goes on from there and ends with the same bits, since batches have one fixed shape and
are taken in in corpus order.
"""

from __future__ import annotations

import os
import time
from collections.abc import Iterator
from concurrent.futures import Future, ThreadPoolExecutor
from pathlib import Path

import numpy as np
import torch
from jaxtyping import Float, Integer
from torch import Tensor

from feature_atlas.address import HookPoint
from feature_atlas.errors import InputError
from pipeline.core.accumulate.block import Block
from pipeline.core.accumulate.examples import Extremes, Samples
from pipeline.core.accumulate.fires_on import FiresOn
from pipeline.core.accumulate.moments import Moments
from pipeline.core.dictionaries import Dictionary
from pipeline.core.files import StageFolder, digest, load_arrays, save_arrays
from pipeline.core.model import SubjectModel
from pipeline.core.model_folder import ModelFolder
from pipeline.core.params import Params
from pipeline.core.progress import say, step
from pipeline.core.subject import load_dictionaries
from pipeline.core.windows import Batch, Windows, corpus_digest, load_corpus

VERSION = 2
BLOCK = 512  # latents at a time: 512 x 2,048 floats are 4 MiB, which stay in cache
STATE = "state.npz"


class DictionaryScan:
    """Everything the scan keeps of one dictionary."""

    def __init__(
        self,
        dictionary: Dictionary,
        windows: Windows,
        params: Params,
        counts: Integer[np.ndarray, " type"],
    ) -> None:
        n, signs, k = dictionary.n_latents, dictionary.two_signed, params.scan.n_top
        self.dictionary = dictionary
        self.moments = Moments(n, signs)
        self.top = Extremes(n, k, windows, signs)
        self.bottom = Extremes(n if signs else 0, k, windows, signs, sign=-1)
        self.samples = Samples(n, windows, signs, dictionary.id, params.scan.seed)
        self.fires_on = FiresOn(n, counts, params.scan.fires_on_types, signs)

    def add(self, x: Float[Tensor, "column d_in"], batch: Batch) -> None:
        """Encodes the counted positions of a batch and takes them in."""
        acts = self.dictionary.encode(x).T.contiguous().cpu().numpy()
        for lo in range(0, len(acts), BLOCK):
            self.add_block(Block(acts[lo : lo + BLOCK], lo, batch))

    def add_block(self, block: Block) -> None:
        """Takes in one block."""
        self.moments.add(block)
        self.top.add(block)
        if self.dictionary.two_signed:
            self.bottom.add(block)
        self.samples.add(block)
        self.fires_on.add(block)

    def state(self) -> dict[str, np.ndarray]:
        """Every array kept, by a name that says whose it is."""
        parts = {
            "moments": self.moments.state(),
            "top": self.top.best.state(),
            "bottom": self.bottom.best.state(),
            "octaves": self.samples.octaves.state(),
            "random": self.samples.random.state(),
            "fires_on": self.fires_on.state(),
        }
        return {f"{part}/{name}": array for part, arrays in parts.items() for name, array in arrays.items()}


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
    scans = [DictionaryScan(dictionary, windows, params, counts) for dictionary in dictionaries]
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
    """The pass: while the dictionaries take in one batch, the model reads the next."""
    done = _restore(folder, scans)
    points = sorted({scan.dictionary.hook_in for scan in scans})
    size, saved = params.scan.batch, time.monotonic()
    threads = max(1, (os.cpu_count() or 1) // 2)
    torch.set_num_threads(threads)
    jobs: list[Future[None]] = []
    with (
        ThreadPoolExecutor(threads + 1) as pool,
        step("scan", len(windows), "windows", done) as progress,
    ):
        for batch, acts in _read(model, windows, points, size, done):
            _wait(jobs)
            if time.monotonic() - saved >= params.scan.checkpoint_seconds and done:
                _save(folder, scans, done)
                saved = time.monotonic()
            jobs = [pool.submit(scan.add, acts[scan.dictionary.hook_in], batch) for scan in scans]
            done += len(batch.windows)
            progress.advance(len(batch.windows))
        _wait(jobs)


def _read(
    model: SubjectModel, windows: Windows, points: list[HookPoint], size: int, first: int
) -> Iterator[tuple[Batch, dict[HookPoint, Tensor]]]:
    """Batches with their activations at counted positions, [column, width]."""
    for batch in windows.batches(size, first):
        counted = torch.from_numpy(batch.counted).to(model.device)
        acts = model.activations(torch.from_numpy(batch.windows), points)
        chosen = {point: values[counted] for point, values in acts.items()}
        for point, values in chosen.items():
            if not torch.isfinite(values.sum()):
                raise InputError(
                    f"the model's activations at {point} are not finite: its weights are damaged"
                )
        yield batch, chosen


def _wait(jobs: list[Future[None]]) -> None:
    for job in jobs:
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
