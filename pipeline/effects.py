"""Top examples run again without the latent -> what it does there. Writes `effects/<dictionary>.npz`.

Each window is read once as it is, for all dictionaries; then, for each of its examples, from where the latent
writes on without it. The state is on disk every few seconds; a killed run goes on from there. What is
computed together depends on the corpus and on the dictionary alone, so that a dictionary's numbers end with
the same bits whatever others there are.
"""

from __future__ import annotations

import hashlib
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from functools import partial
from pathlib import Path

import numpy as np
import torch
from jaxtyping import Int64

from feature_atlas.contract import FLOATS, INTS, N_MOVED
from pipeline.core.ablation import Ablation, Places
from pipeline.core.accumulate.best import token_of
from pipeline.core.clean import READ, read_clean
from pipeline.core.dictionaries import Dictionary
from pipeline.core.files import StageFolder, digest, load_arrays, save_arrays
from pipeline.core.model import SubjectModel
from pipeline.core.model_folder import ModelFolder
from pipeline.core.params import Params
from pipeline.core.progress import say, step
from pipeline.core.rest import Rest, place_of
from pipeline.core.stopping import Checkpoint, stop_asked
from pipeline.core.subject import load_dictionaries
from pipeline.core.windows import Windows, corpus_digest, load_corpus

VERSION = 1
STATE = "state.npz"
CHUNK = 8 * READ  # windows whose activations are held at once
EXAMPLES = 16  # run at once: of 17 positions of each, x 50,257 log-probabilities are 55 MB


@dataclass(frozen=True)
class Examples:
    """Examples of one dictionary, by window: the slot of each, which numbers them latent by latent, best
    first and `of_each` of each; its window, and the window index of its peak."""

    slot: Int64[np.ndarray, " example"]
    window: Int64[np.ndarray, " example"]
    peak: Int64[np.ndarray, " example"]
    of_each: int

    @classmethod
    def of(cls, tops: Int64[np.ndarray, "latent example"], windows: Windows) -> Examples:
        """From the corpus tokens of their peaks, -1 where there is none."""
        slot = np.flatnonzero(tops.ravel() >= 0)
        window, peak = windows.locate(tops.ravel()[slot])
        order = np.argsort(window, kind="stable")
        return cls(slot[order], window[order], peak[order], tops.shape[1])

    def within(self, first: int) -> Iterator[Examples]:
        """Those in the CHUNK windows from `first` on, EXAMPLES at a time, by their peaks."""
        here = np.arange(*np.searchsorted(self.window, [first, first + CHUNK]))
        here = here[np.argsort(self.peak[here], kind="stable")]
        for at in range(0, len(here), EXAMPLES):
            some = here[at : at + EXAMPLES]
            yield Examples(self.slot[some], self.window[some], self.peak[some], self.of_each)


class Found:
    """The contract's fields of every example that is run again: by dictionary and field [slot, column]."""

    def __init__(self, examples: dict[str, int]) -> None:
        whole, widths = {field.name for field in INTS}, {"ablated": 1, "moved": N_MOVED}
        fields = [field for field in (*FLOATS, *INTS) if field.axis in widths]
        self.arrays = {
            name: {f.name: np.zeros((n, widths[f.axis]), "u4" if f.name in whole else "f4") for f in fields}
            for name, n in examples.items()
        }

    def save(self, path: Path, done: int) -> None:
        """Writes the state after `done` chunks."""
        flat = {f"{name}/{f}": array for name, each in self.arrays.items() for f, array in each.items()}
        save_arrays(path, {**flat, "done": np.array(done)})

    def restore(self, path: Path) -> int:
        """Lays a saved state in; returns how many chunks it is after."""
        if not path.is_file():
            return 0
        saved = load_arrays(path)
        for name, each in self.arrays.items():
            for field in each:
                each[field] = saved[f"{name}/{field}"]
        return int(saved["done"])


def run(params: Params, work: Path) -> None:
    """Ablates the latents of every dictionary into `work/effects`, or goes on with it, or finds it done."""
    folder = ModelFolder.resolve(params.model)
    chosen = asked(params, load_dictionaries(params, folder))
    writing = [each for each in chosen if place_of(each.hook_out, folder.shape) is not None]
    tops = {each.id: peaks(work, each, params.effects.examples) for each in writing}
    keys = {f"{each.id}.npz": key(params, folder, each, tops[each.id], work) for each in writing}
    stage = StageFolder.of(work / "effects", keys)
    if stage.is_finished():
        return
    stage.open()
    for each in chosen:
        if each not in writing:
            say(f"effects: {each.id} writes nothing to the residual stream; its latents are not ablated")
    if missing := stage.missing():
        todo = [each for each in writing if f"{each.id}.npz" in missing]
        windows = Windows(load_corpus(work / "tokens"), params.ctx, folder.bos(params.bos))
        found = Found({each.id: tops[each.id].size for each in todo})
        examples = {each.id: Examples.of(tops[each.id], windows) for each in todo}
        model = SubjectModel.load(folder, params.device)
        rerun = Rerun(model, todo, examples, windows)
        ablate(rerun, found, stage.path / STATE, params.scan.checkpoint_seconds)
        for each in todo:
            arrays = found.arrays[each.id]
            rows = {name: array.reshape(each.n_latents, -1) for name, array in arrays.items()}
            save_arrays(stage.path / f"{each.id}.npz", rows)
        stage.add(*missing)  # at once: until then a killed run goes on from a state that holds them all
    (stage.path / STATE).unlink(missing_ok=True)
    stage.finish()


def asked(params: Params, dictionaries: list[Dictionary]) -> list[Dictionary]:
    """Those whose latents are to be ablated."""
    if not params.effects.examples:
        return []
    return [each for each in dictionaries if params.effects.neurons or each.kind != "neurons"]


def peaks(work: Path, dictionary: Dictionary, n: int) -> Int64[np.ndarray, "latent example"]:
    """Corpus tokens of the peaks of each latent's first `n` top examples, -1 where there are fewer.

    Raises InputError if the scan has not finished.
    """
    StageFolder.key_of(work / "scan")
    with np.load(work / "scan" / f"{dictionary.id}.npz", allow_pickle=False) as scan:
        best = np.sort(scan["top/key"], axis=1)[:, ::-1][:, :n]
    return np.where(best > 0, token_of(best), -1)


def key(
    params: Params,
    folder: ModelFolder,
    dictionary: Dictionary,
    tops: Int64[np.ndarray, "latent example"],
    work: Path,
) -> str:
    """Digest of all that determines the outcome."""
    return digest(
        "effects",
        VERSION,
        corpus_digest(work / "tokens"),
        folder.record.weights,
        folder.config,
        dictionary.identity,
        tops.shape,
        hashlib.sha256(tops.tobytes()).hexdigest(),
        params.ctx,
        folder.bos(params.bos),
        params.device,
        torch.__version__,
    )


class Rerun:
    """Ablates the examples of some dictionaries, one chunk of windows at a time."""

    def __init__(
        self, model: SubjectModel, todo: list[Dictionary], examples: dict[str, Examples], windows: Windows
    ) -> None:
        self._rest, self._windows, self._examples = Rest(model), windows, examples
        self._model = model
        self._ablations = [Ablation(each, model, self._rest) for each in todo]
        self._points = {point for each in self._ablations for point in each.points}

    def chunks(self) -> dict[int, int]:
        """First window of every chunk that has examples, and how many."""
        first = np.concatenate([each.window for each in self._examples.values()]) // CHUNK * CHUNK
        return dict(zip(*(each.tolist() for each in np.unique(first, return_counts=True)), strict=True))

    def do(self, first: int, found: Found) -> None:
        """Fills `found` with the examples in the chunk of windows from `first` on."""
        pieces = [(each, some) for each in self._ablations for some in self._examples[each.id].within(first)]
        batch = np.unique(np.concatenate([some.window for _, some in pieces]) // READ)
        order = (batch[:, None] * READ + np.arange(READ)).ravel()
        order = order[order < len(self._windows)]
        with self._model.catching(self._points) as read:
            clean = read_clean(read, self._windows, order)
        for ablation, some in pieces:
            row, latent = np.searchsorted(order, some.window), some.slot // some.of_each
            places = Places(*(torch.from_numpy(x).to(clean.target.device) for x in (row, latent, some.peak)))
            for name, values in ablation.measure(clean, places).items():
                found.arrays[ablation.id][name][some.slot] = values.cpu().numpy()


def ablate(rerun: Rerun, found: Found, state: Path, checkpoint_seconds: float) -> None:
    """Fills `found`, going on from what is saved in `state`."""
    chunks, done = rerun.chunks(), found.restore(state)
    left, checkpoint = list(chunks)[done:], Checkpoint(checkpoint_seconds)
    _tell(partial(rerun.do, found=found), {first: chunks[first] for first in left})
    n = sum(chunks.values())
    with (
        stop_asked() as asked_to_stop,
        step("effects", n, "examples", n - sum(chunks[first] for first in left)) as progress,
    ):
        for first in left:
            rerun.do(first, found)
            done += 1
            progress.advance(chunks[first])
            stop = asked_to_stop()
            if stop or checkpoint.is_due():
                checkpoint.take(partial(found.save, state, done))
            if stop:
                raise KeyboardInterrupt


def _tell(do: Callable[[int], None], left: dict[int, int]) -> None:
    """What is to come, and its time: for each example what those of the first chunk take, by a trial."""
    if not left:
        return
    first, n = next(iter(left)), sum(left.values())
    started = time.monotonic()
    do(first)
    seconds = (time.monotonic() - started) * n / left[first]
    say(
        f"effects: {n:,} examples are run again without their latent, in at most {len(left) * CHUNK:,}"
        f" windows; about {seconds:,.0f} s"
    )
