"""One pass over several dictionaries, each at its own layer: its time and its memory.

    python -m benchmarks.one_pass FOLDER TOKENS

Runs in a process of its own, so that the peak is that of the scan. `make` writes FOLDER before. Prints
one JSON object: `time_ratio`, CPU seconds of the scan, all tables and the sample included, over those of
the forward pass and the products of all encoders, done by as many threads; `predicted` and `peak`
resident bytes; `state`, the bytes of what is kept.
"""

from __future__ import annotations

import json
import os
import resource
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable
from functools import partial
from itertools import islice
from pathlib import Path

import numpy as np

from benchmarks.work import (
    CTX,
    VOCABULARY,
    Shape,
    hook_point,
    make_model,
    make_sae,
    make_windows,
    write_sae,
)
from pipeline.core.dictionaries import Dictionary
from pipeline.core.encode import starts
from pipeline.core.files import save_arrays
from pipeline.core.gathered import Gathered
from pipeline.core.inputs import Acts
from pipeline.core.local_engine import scan_here
from pipeline.core.memory import peak_bytes, state_bytes
from pipeline.core.model import SubjectModel
from pipeline.core.model_folder import ModelFolder
from pipeline.core.params import Params, ScanParams, make_params
from pipeline.core.parts import Parts
from pipeline.core.scanner import Scanner
from pipeline.core.subject import load_dictionaries
from pipeline.core.sweep import counted
from pipeline.core.units import Tree, sample_size
from pipeline.core.windows import Corpus, Windows, load_corpus
from pipeline.core.workers import workers
from pipeline.scan import load_cut_model, new_scans, points_of

SAMPLE = ScanParams().cofiring_tokens


def make(
    folder: Path, shape: Shape, n_dictionaries: int, n_latents: int, tokens: int, sample: int = SAMPLE
) -> None:
    """Model, dictionaries at the deepest layers, corpus, and parameters with that sample for co-firing."""
    subject = make_model(folder / "model", shape)
    windows = make_windows(subject, tokens, folder / "work")
    model = SubjectModel.load(subject)
    layers = range(shape.n_layers - n_dictionaries, shape.n_layers)
    saes = {f"sae{layer}": hook_point(layer) for layer in layers}
    for name, point in saes.items():
        write_sae(make_sae(model, windows, n_latents, point), folder / name)
    dictionaries = {name: f"{folder / name}@{point}" for name, point in saes.items()}
    raw = {"model": str(folder / "model"), "corpus": ["python-docs"], "ctx": CTX}
    raw |= {"neurons": False, "heads": False, "scan": {"cofiring_tokens": sample}}
    (folder / "params.json").write_text(json.dumps(raw | {"dictionaries": dictionaries}))


def measured(folder: Path, tokens: int) -> dict[str, float]:
    """What `main` prints, from a process of its own."""
    command = [sys.executable, "-m", "benchmarks.one_pass", str(folder), str(tokens)]
    return json.loads(subprocess.run(command, stdout=subprocess.PIPE, check=True).stdout)


def main() -> None:
    """Prints one JSON object."""
    folder, tokens = Path(sys.argv[1]), int(sys.argv[2])
    params = make_params(json.loads((folder / "params.json").read_text()), "benchmark")
    subject = ModelFolder.resolve(params.model)
    windows, few = (first_tokens(folder / "work" / "tokens", subject, n) for n in (tokens, 4 * CTX))
    dictionaries = load_dictionaries(params, subject)
    model = load_cut_model(subject, points_of(dictionaries, [], subject.shape), params.device)
    one_pass(model, dictionaries[:1], few, params)  # compiles
    print(json.dumps(one_pass(model, dictionaries, windows, params)))


def first_tokens(folder: Path, subject: ModelFolder, n: int) -> Windows:
    """The windows of the corpus' first tokens."""
    corpus = load_corpus(folder)
    n_documents = int(np.searchsorted(corpus.starts, n))
    starts = np.append(corpus.starts[:n_documents], n)
    ids, owners = corpus.ids[:n_documents], corpus.owners[:n_documents]
    return Windows(Corpus(corpus.tokens[:n], starts, ids, owners, corpus.sources, 0), CTX, subject.bos(None))


def one_pass(
    model: SubjectModel, dictionaries: list[Dictionary], windows: Windows, params: Params
) -> dict[str, float]:
    """The scan as the pipeline does it, beside the work that can't be avoided."""
    scans = new_scans(dictionaries, dictionaries, model, windows, params, VOCABULARY)
    sample, threads = sample_size(windows, params.scan), os.cpu_count() or 1
    predicted = peak_bytes(model, scans, [], windows, params.scan.batch, sample, threads)
    bare = cpu_seconds(lambda: bare_pass(model, dictionaries, windows, params.scan.batch))
    with tempfile.TemporaryDirectory() as state:
        points = points_of(dictionaries, [], model.shape)
        scanner = Scanner(model, points, scans, windows, params.scan)
        parts = Parts(Path(state), Tree(len(scanner.units)))
        gathered: list[Gathered] = []
        spent = cpu_seconds(
            lambda: gathered.append(scan_here(scanner, parts, params.scan.checkpoint_seconds))
        )
        for each in gathered[0].kept:
            save_arrays(Path(state) / "result.npz", each.result())
    return {
        "tokens": windows.counted_tokens,
        "time_ratio": spent / bare,
        "predicted": predicted,
        "peak": resource.getrusage(resource.RUSAGE_SELF).ru_maxrss * 1024,
        "state": state_bytes(scans, []),
    }


def bare_pass(model: SubjectModel, dictionaries: list[Dictionary], windows: Windows, size: int) -> None:
    """The forward pass and every encoder's products, shared out to threads as the scan does it."""
    points = sorted({each.hook_in for each in dictionaries})
    with workers() as crew, model.catching(points) as read:
        batches = windows.batches(size)
        while group := list(islice(batches, crew.n)):
            acts = crew.do(partial(counted, model, read, batch) for batch in group)
            crew.do(partial(products, each, lo, acts) for each in dictionaries for lo in starts(each))


def products(dictionary: Dictionary, lo: int, acts: list[Acts]) -> None:
    """Of one block of latents, for a few batches."""
    for each in acts:
        dictionary.pre(dictionary.read(each[dictionary.hook_in]), lo)


def cpu_seconds(work: Callable[[], None]) -> float:
    """Of all threads."""
    started = time.process_time()
    work()
    return time.process_time() - started


if __name__ == "__main__":
    main()
