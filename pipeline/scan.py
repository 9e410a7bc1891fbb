"""Windows -> examples and statistics of every dictionary's units and every layer's heads, in one pass.

Writes `scan/<dictionary>.npz` and `scan/attn.<layer>.npz`. The state is on disk every few seconds,
replaced atomically; a killed scan goes on from there and ends with the same bits, since batches have one
fixed shape and are taken in in one fixed order.
"""

from __future__ import annotations

import os
from collections.abc import Iterator, Sequence
from functools import partial
from itertools import islice
from pathlib import Path

import numpy as np
import torch
from jaxtyping import Integer

from feature_atlas.address import HookPoint
from feature_atlas.errors import InputError
from pipeline.core.device import placed
from pipeline.core.dictionaries import Dictionary, mates_of
from pipeline.core.dictionary_scan import DictionaryScan
from pipeline.core.files import StageFolder, digest, load_arrays, save_arrays
from pipeline.core.head_scan import HeadScan
from pipeline.core.head_source import head_source
from pipeline.core.heads import HeadGroup, head_groups, write_factor
from pipeline.core.inputs import caught_for
from pipeline.core.memory import peak_bytes, state_bytes
from pipeline.core.model import SubjectModel
from pipeline.core.model_folder import ModelFolder
from pipeline.core.params import Params, ScanParams
from pipeline.core.progress import say, step
from pipeline.core.shape import Shape
from pipeline.core.stopping import stop_asked
from pipeline.core.subject import load_dictionaries
from pipeline.core.sweep import Sweep
from pipeline.core.timing import Checkpoint
from pipeline.core.windows import Batch, Windows, corpus_digest, load_corpus
from pipeline.core.workers import workers

VERSION = 5
HEADS_VERSION = 1
STATE = "state.npz"


def run(params: Params, work: Path) -> None:
    """Scans the corpus in `work/tokens` into `work/scan`, or goes on with it, or finds it done."""
    folder = ModelFolder.resolve(params.model)
    dictionaries, groups = load_dictionaries(params, folder), head_groups(params, folder)
    stage = StageFolder.of(work / "scan", keys(params, folder, dictionaries, groups, work))
    if stage.is_finished():
        return
    stage.open()
    if missing := stage.missing():
        todo = [each for each in dictionaries if f"{each.id}.npz" in missing]
        unread = [each for each in groups if f"{each.id}.npz" in missing]
        windows, d_vocab = open_windows(params, folder, work), folder.record.d_vocab
        model = load_cut_model(folder, points_of(todo, unread, folder.shape), params.device)
        scans = new_scans(placed(todo, model.device), dictionaries, model, windows, params, d_vocab)
        heads = new_head_scans(unread, model, windows, params, d_vocab)
        _tell(model, scans, heads, windows, params.scan)
        scan(model, scans, heads, windows, params.scan, stage.path)
        for each in (*scans, *heads):
            save_arrays(stage.path / f"{each.id}.npz", each.result())
        stage.add(*missing)  # at once: until then a killed scan goes on from a state that holds them all
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


def keys(
    params: Params, folder: ModelFolder, dictionaries: list[Dictionary], groups: list[HeadGroup], work: Path
) -> dict[str, str]:
    """By file the digest of all that determines it; the layer's others decide what co-firing is counted."""
    shared = (
        "scan",
        VERSION,
        corpus_digest(work / "tokens"),
        folder.record.weights,
        folder.config,
        params.ctx,
        folder.bos(params.bos),
        params.device,
        torch.__version__,
        params.scan.model_dump(exclude={"checkpoint_seconds"}),
    )
    latents = {
        f"{each.id}.npz": digest(
            *shared, each.identity, [mate.identity for mate in mates_of(each, dictionaries)]
        )
        for each in dictionaries
    }
    return latents | {f"{each.id}.npz": digest(*shared, HEADS_VERSION, each.id) for each in groups}


def new_scans(
    todo: list[Dictionary],
    dictionaries: list[Dictionary],
    model: SubjectModel,
    windows: Windows,
    params: Params,
    d_vocab: int,
) -> list[DictionaryScan]:
    """An empty scan of each of `todo`, which are some of `dictionaries`."""
    counts = windows.type_counts(d_vocab)
    return [
        DictionaryScan(
            each, params.scan, counts, bool(mates_of(each, dictionaries)), head_source(each, model)
        )
        for each in todo
    ]


def new_head_scans(
    groups: list[HeadGroup], model: SubjectModel, windows: Windows, params: Params, d_vocab: int
) -> list[HeadScan]:
    """An empty scan of the heads of each of these layers."""
    counts = windows.type_counts(d_vocab)
    return [
        HeadScan(each, write_factor(model.head_weights(each.layer).W_O), windows.ctx, params.scan, counts)
        for each in groups
    ]


def points_of(dictionaries: list[Dictionary], groups: list[HeadGroup], shape: Shape) -> list[HookPoint]:
    """What is read of the model, each once, in order."""
    of_heads = {point for group in groups for point in (group.pattern, group.values)}
    return sorted(caught_for(dictionaries, shape) | of_heads)


def load_cut_model(folder: ModelFolder, points: list[HookPoint], device: str) -> SubjectModel:
    """The model up to the deepest hook point that is read."""
    model = SubjectModel.load(folder, device)
    model.cut_after(points)
    return model


def _tell(
    model: SubjectModel,
    scans: list[DictionaryScan],
    heads: list[HeadScan],
    windows: Windows,
    params: ScanParams,
) -> None:
    n_units = sum(each.dictionary.n_latents for each in scans)
    n_heads = sum(each.group.n_heads for each in heads)
    sample, threads = sample_size(windows, params), os.cpu_count() or 1
    peak = peak_bytes(model, scans, heads, windows, params.batch, sample, threads)
    say(
        f"scan: {n_units:,} units and {n_heads:,} heads over {windows.counted_tokens:,} counted tokens;"
        f" about {peak / 2**20:,.0f} MiB of memory at its peak,"
        f" {state_bytes(scans, heads) / 2**20:,.0f} MiB of disk"
    )


def scan(
    model: SubjectModel,
    scans: list[DictionaryScan],
    heads: list[HeadScan],
    windows: Windows,
    params: ScanParams,
    folder: Path,
) -> None:
    """The pass: over a random sample of windows first, in which co-firing partners are found.

    A state is saved only after the sample: partners are part of it. The corpus may be all sample.
    """
    kept = [*scans, *heads]
    done = _restore(folder, kept)
    n_sample = sample_size(windows, params)
    order = windows.order(n_sample, params.seed)
    checkpoint = Checkpoint(params.checkpoint_seconds)
    points = points_of([each.dictionary for each in scans], [each.group for each in heads], model.shape)
    with (
        workers(device=model.device) as crew,
        model.catching(points) as read,
        stop_asked() as asked,
        step("scan", len(windows), "windows", done) as progress,
    ):
        sweep = Sweep(crew, model, read, scans, heads, chosen=done > 0)

        def swept(chosen: Integer[np.ndarray, " window"]) -> Iterator[int]:
            for batches in _grouped(windows.batches(params.batch, chosen), crew.n):
                sweep.add(batches)
                n = sum(len(batch.windows) for batch in batches)
                progress.advance(n)
                yield n

        if not done:
            for n in swept(order[:n_sample]):
                done += n
                if asked():
                    raise KeyboardInterrupt
            sweep.choose()
        for n in swept(order[done:]):
            done += n
            stop = asked()
            if stop or checkpoint.is_due():
                checkpoint.take(partial(_save, folder, kept, done))
            if stop:
                raise KeyboardInterrupt


def sample_size(windows: Windows, params: ScanParams) -> int:
    """Windows of the sample: whole batches of about `cofiring_tokens` tokens."""
    n_batches = -(-params.cofiring_tokens // (windows.stride * params.batch))
    return min(len(windows), n_batches * params.batch)


def _grouped(batches: Iterator[Batch], n: int) -> Iterator[tuple[Batch, ...]]:
    while group := tuple(islice(batches, n)):
        yield group


def _save(folder: Path, scans: Sequence[DictionaryScan | HeadScan], done: int) -> None:
    arrays = {f"{each.id}/{name}": array for each in scans for name, array in each.state().items()}
    save_arrays(folder / STATE, {**arrays, "done": np.array(done)})


def _restore(folder: Path, scans: Sequence[DictionaryScan | HeadScan]) -> int:
    """Lays the saved state into the scans; returns how many windows they have taken in."""
    if not (folder / STATE).is_file():
        return 0
    saved = load_arrays(folder / STATE)
    for each in scans:
        for name, array in each.state().items():
            array[...] = saved[f"{each.id}/{name}"]
    done = int(saved["done"])
    say(f"scan: going on after {done:,} windows")
    return done
