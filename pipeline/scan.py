"""Windows -> examples and statistics of every dictionary's units and every layer's heads, in one pass.

Writes `scan/<dictionary>.npz` and `scan/attn.<layer>.npz`. The windows are scanned in units, each by itself,
and what they give is merged in a fixed tree: the outcome has the same bits whoever scans them, in whatever
order, and however often that is killed, since batches have one fixed shape and units one fixed size.
"""

from __future__ import annotations

import os
import platform
from functools import partial
from pathlib import Path

import torch

from feature_atlas.address import HookPoint
from feature_atlas.errors import InputError
from pipeline.core.device import open_device, placed
from pipeline.core.dictionaries import Dictionary, mates_of
from pipeline.core.dictionary_scan import DictionaryScan
from pipeline.core.engine import LOCAL, Engine
from pipeline.core.files import StageFolder, digest, save_arrays
from pipeline.core.head_scan import HeadScan
from pipeline.core.head_source import head_source
from pipeline.core.heads import HeadGroup, head_groups, write_factor
from pipeline.core.inputs import caught_for
from pipeline.core.local_engine import STATE, scan_here
from pipeline.core.memory import peak_bytes, state_bytes
from pipeline.core.model import SubjectModel
from pipeline.core.model_folder import ModelFolder
from pipeline.core.params import Params, located
from pipeline.core.parts import Parts
from pipeline.core.progress import say
from pipeline.core.scanner import Scanner
from pipeline.core.shape import Shape
from pipeline.core.subject import load_dictionaries
from pipeline.core.units import Tree, Units
from pipeline.core.windows import Corpus, Windows, corpus_digest, load_corpus

VERSION = 5
HEADS_VERSION = 1


def run(params: Params, work: Path, engine: Engine = LOCAL) -> None:
    """Scans the corpus in `work/tokens` into `work/scan`, or goes on with it, or finds it done."""
    folder = ModelFolder.resolve(params.model)
    dictionaries, groups = load_dictionaries(params, folder), head_groups(params, folder)
    windows, corpus = open_windows(params, folder, work), corpus_digest(work / "tokens")
    stage = StageFolder.of(work / "scan", keys(params, folder, dictionaries, groups, windows, corpus))
    if stage.is_finished():
        return
    stage.open()
    units = Units.of(windows, params.scan)
    parts = Parts(stage.path, Tree(len(units)))
    if missing := stage.missing():
        if engine.name == "ray":
            from pipeline.core.ray_engine import scan_there

            there = partial(scanner_there, located(params), stage.items, missing, corpus)
            found = scan_there(there, windows.corpus, units, parts, engine, params)
        else:
            scanner = scanner_of(params, folder, dictionaries, groups, windows, missing)
            _tell(scanner, windows, params)
            gathered = scan_here(scanner, parts, params.scan.checkpoint_seconds)
            found = ((each.id, each.result()) for each in gathered.kept)
        for name, arrays in found:
            save_arrays(stage.path / f"{name}.npz", arrays)
        stage.add(*missing)  # at once: until then a killed scan goes on from a state that holds them all
    (stage.path / STATE).unlink(missing_ok=True)
    parts.clear()
    stage.finish()


def scanner_of(
    params: Params,
    folder: ModelFolder,
    dictionaries: list[Dictionary],
    groups: list[HeadGroup],
    windows: Windows,
    missing: list[str],
    threads: int | None = None,
) -> Scanner:
    """The model with empty scans of those dictionaries and heads whose files are missing."""
    todo = [each for each in dictionaries if f"{each.id}.npz" in missing]
    unread = [each for each in groups if f"{each.id}.npz" in missing]
    points, d_vocab = points_of(todo, unread, folder.shape), folder.record.d_vocab
    model = load_cut_model(folder, points, params.device)
    scans = new_scans(placed(todo, model.device), dictionaries, model, windows, params, d_vocab)
    heads = new_head_scans(unread, model, windows, params, d_vocab)
    return Scanner(model, points, [*scans, *heads], windows, params.scan, threads)


def scanner_there(
    params: Params, keys_here: dict[str, str], missing: list[str], digest: str, corpus: Corpus, threads: int
) -> Scanner:
    """The same on another machine, of a corpus that has this digest.

    Raises InputError if its model, dictionaries or torch are not the same as here, where the keys are from.
    """
    open_device(params.device)
    folder = ModelFolder.resolve(params.model)
    dictionaries, groups = load_dictionaries(params, folder), head_groups(params, folder)
    windows = windows_of(params, folder, corpus)
    there = keys(params, folder, dictionaries, groups, windows, digest)
    if wrong := [name for name in keys_here if there.get(name) != keys_here[name]]:
        raise InputError(
            f"{platform.node()} would scan {wrong[0]} with another model, dictionary or torch (it has"
            f" {torch.__version__}) than the machine that asks: give both the same files and packages"
        )
    return scanner_of(params, folder, dictionaries, groups, windows, missing, threads)


def open_windows(params: Params, folder: ModelFolder, work: Path) -> Windows:
    """The windows that the parameters cut from the corpus in `work/tokens`."""
    return windows_of(params, folder, load_corpus(work / "tokens"))


def windows_of(params: Params, folder: ModelFolder, corpus: Corpus) -> Windows:
    """The windows that the parameters cut from a corpus."""
    if params.ctx > folder.record.n_ctx:
        raise InputError(f"ctx is {params.ctx}, but the model reads at most {folder.record.n_ctx} tokens")
    windows = Windows(corpus, params.ctx, folder.bos(params.bos))
    if not windows.counted_tokens:
        raise InputError("no position of the corpus is counted: its documents are too short; add text")
    return windows


def keys(
    params: Params,
    folder: ModelFolder,
    dictionaries: list[Dictionary],
    groups: list[HeadGroup],
    windows: Windows,
    corpus: str,
) -> dict[str, str]:
    """By file the digest of all that determines it; the layer's others decide what co-firing is counted.

    The size of units does not, where all of the corpus is one. `corpus` is its digest.
    """
    units = Units.of(windows, params.scan)
    shared = (
        "scan",
        VERSION,
        corpus,
        folder.record.weights,
        folder.config,
        params.ctx,
        folder.bos(params.bos),
        params.device,
        torch.__version__,
        params.scan.model_dump(exclude={"checkpoint_seconds", "unit_tokens"}),
        *([units.size] if len(units) > 1 else []),
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


def _tell(scanner: Scanner, windows: Windows, params: Params) -> None:
    scans, heads, units = scanner.empty.scans, scanner.empty.heads, scanner.units
    n_units = sum(each.dictionary.n_latents for each in scans)
    n_heads = sum(each.group.n_heads for each in heads)
    size, levels, threads = state_bytes(scans, heads), Tree(len(units)).root.level, os.cpu_count() or 1
    peak = peak_bytes(
        scanner.model, scans, heads, windows, params.scan.batch, units.sample, threads, merges=levels > 0
    )
    disk = size * (levels + 2 if levels else 1)  # a node of each level, one that is written, and the state
    say(
        f"scan: {n_units:,} units and {n_heads:,} heads over {windows.counted_tokens:,} counted tokens;"
        f" about {peak / 2**20:,.0f} MiB of memory at its peak,"
        f" {disk / 2**20:,.0f} MiB of disk"
    )
