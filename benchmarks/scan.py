"""The scan and the whole build against the work that can't be avoided, in CPU seconds.

    python -m benchmarks.scan [--quick] [--json]

The work is made from a seed (`benchmarks/work.py`). Batch by batch, in turn, on one thread: the bare
forward pass; the products of the encoder alone, in the same blocks; encoding with the core statistics,
and the clock running on, with the tables (fires-on, co-firing). A ratio is (forward + ours) / (forward
+ products); for neurons and heads, which need no product, (forward + ours) / forward. Each is the median of
three rounds. Whole passes with all threads, over one and over twelve dictionaries, tell time and memory.
Ends with one JSON object; without --quick, writes `docs/performance.md` too.
"""

from __future__ import annotations

import argparse
import json
import resource
import statistics
import tempfile
import time
from collections import defaultdict
from collections.abc import Callable
from itertools import islice
from pathlib import Path
from typing import Any, TypeVar

import torch

from benchmarks import one_pass
from benchmarks.heads import heads_round
from benchmarks.report import write_report
from benchmarks.work import (
    MINI,
    SMALL,
    VOCABULARY,
    hook_point,
    make_model,
    make_params_for,
    make_sae,
    make_windows,
    write_sae,
)
from feature_atlas import open_atlas
from feature_atlas.address import HookPoint
from pipeline.build import build
from pipeline.core.accumulate.fired import Fired
from pipeline.core.dictionaries import Dictionary, neurons
from pipeline.core.dictionary_scan import DictionaryScan
from pipeline.core.encode import block, starts
from pipeline.core.layer import Layer
from pipeline.core.model import Read, SubjectModel
from pipeline.core.model_folder import ModelFolder
from pipeline.core.params import Params, ScanParams
from pipeline.core.sweep import counted
from pipeline.core.windows import Batch, Windows
from pipeline.core.workers import Workers, workers
from pipeline.scan import new_scans

T = TypeVar("T")
ROUNDS = 3
BATCH = ScanParams().batch
WIDTHS = {3_072: 65_536, 24_576: 65_536, 98_304: 65_536}  # latents: tokens
BUILT, NEURONS_BUILT = 65_536, 16_384
QUICK = 4  # a fourth of the tokens
GROWN = (1, 2, 4)


def main() -> None:
    """Prints one JSON object."""
    arguments = argparse.ArgumentParser(description=__doc__.split("\n\n")[0] if __doc__ else None)
    arguments.add_argument("--quick", action="store_true", help="a fourth of the work: under 10 minutes")
    arguments.add_argument("--json", action="store_true", help="print the JSON object only")
    given = arguments.parse_args()
    with tempfile.TemporaryDirectory() as folder:
        found = measure(Path(folder), given.quick)
    if not given.quick:
        write_report(found)
    print(json.dumps(found, indent=None if given.json else 1))


def measure(folder: Path, quick: bool) -> dict[str, Any]:
    """Everything."""
    part = QUICK if quick else 1
    subject = make_model(folder / "model")
    windows = make_windows(subject, BUILT, folder / "work")
    model = SubjectModel.load(subject)
    model.cut_after([hook_point()])
    params = make_params_for(subject, BUILT, neurons=False)
    found = sae_ratios(model, windows, params, part)
    found["neurons_ratio"] = neurons_ratio(subject, windows, params, WIDTHS[3_072] // part)
    heads = [heads_round(subject, windows, params, WIDTHS[3_072] // part) for _ in range(ROUNDS)]
    found["heads_ratio"] = spread(*map(list, zip(*heads, strict=True)))
    found |= whole_build(subject, make_sae(model, windows, 3_072), windows, folder, BUILT // part)
    found["bytes_per_neuron"] = bytes_per_neuron(subject, folder, NEURONS_BUILT // part)
    return found | passes(folder, part)


def sae_ratios(model: SubjectModel, windows: Windows, params: Params, part: int) -> dict[str, Any]:
    """Core and tables by number of latents; `part` divides the tokens."""
    found: dict[str, Any] = {"core_ratio": {}, "tables_ratio": {}, "firings_per_token": {}}
    for n_latents, tokens in WIDTHS.items():
        sae = make_sae(model, windows, n_latents)
        rounds = [one_round(model, [sae], windows, params, tokens // part) for _ in range(ROUNDS)]
        bare = [each["forward"] + each["products"] for each in rounds]
        core = [each["forward"] + each["core"] for each in rounds]
        tables = [more + each["tables"] for more, each in zip(core, rounds, strict=True)]
        found["core_ratio"][n_latents] = spread(core, bare)
        found["tables_ratio"][n_latents] = spread(tables, bare)
        found["firings_per_token"][n_latents] = round(rounds[0]["firings"] / rounds[0]["tokens"], 1)
    return found


def neurons_ratio(subject: ModelFolder, windows: Windows, params: Params, tokens: int) -> dict[str, float]:
    """All neurons of all layers over the whole forward pass."""
    model, record = SubjectModel.load(subject), subject.record
    model.cut_after([HookPoint("mlp_post", record.n_layers - 1)])
    every = [neurons(layer, record.d_mlp, record.weights) for layer in range(record.n_layers)]
    rounds = [one_round(model, every, windows, params, tokens) for _ in range(ROUNDS)]
    return spread([each["forward"] + each["core"] for each in rounds], [each["forward"] for each in rounds])


def one_round(
    model: SubjectModel, dictionaries: list[Dictionary], windows: Windows, params: Params, tokens: int
) -> dict[str, float]:
    """CPU seconds of each kind of work over about so many tokens; compiled before."""
    points = sorted({each.hook_in for each in dictionaries})
    batches = list(islice(windows.batches(BATCH), max(1, tokens // (BATCH * windows.stride))))
    with torch.inference_mode(), model.catching(points) as read, workers(1) as crew:
        clocked(crew, model, read, dictionaries, windows, params, batches[:1])
        return clocked(crew, model, read, dictionaries, windows, params, batches)


def clocked(
    crew: Workers,
    model: SubjectModel,
    read: Read,
    dictionaries: list[Dictionary],
    windows: Windows,
    params: Params,
    batches: list[Batch],
) -> dict[str, float]:
    """As `one_round`, of these batches, all of which are sample."""
    scans = new_scans(dictionaries, dictionaries, model, windows, params, VOCABULARY)
    layer = Layer([scan for scan in scans if scan.within is not None], chosen=False)
    spent: dict[str, float] = defaultdict(float)
    for batch in batches:
        acts = timed(spent, "forward", lambda b=batch: counted(model, read, b))
        spent["tokens"] += len(batch.token)
        for scan in scans:
            x = scan.dictionary.read(acts[scan.dictionary.hook_in])
            if scan.dictionary.W_enc is not None:
                timed(spent, "products", lambda s=scan, x=x: products(s.dictionary, x))
            accumulate(crew, layer, scan, x, batch, spent)
    timed(spent, "tables", lambda: layer.choose(crew))
    spent["firings"] = sum(int(scan.moments.firings.sum()) for scan in scans)
    return spent


def products(dictionary: Dictionary, x: torch.Tensor) -> None:
    """Of all blocks."""
    for lo in starts(dictionary):
        dictionary.pre(x, lo)


def accumulate(
    crew: Workers, layer: Layer, scan: DictionaryScan, x: torch.Tensor, batch: Batch, spent: dict[str, float]
) -> None:
    """Takes a batch in, block by block as the scan does, the core statistics and the tables apart."""
    core = [part for part in scan.parts.values() if part is not scan.types]
    fired: list[Fired] = []
    for lo in starts(scan.dictionary):
        firings = timed(spent, "core", lambda lo=lo: block(scan.dictionary, x, lo, batch))
        for part in core:
            timed(spent, "core", lambda p=part, f=firings: p.add(f))
        if scan.within is not None:
            timed(spent, "tables", lambda f=firings: scan.types.add(f))
            fired.append(timed(spent, "tables", lambda f=firings: f.fired))
    if scan.within is not None:
        timed(spent, "tables", lambda: layer.add(crew, [Fired.beside(fired)]))


def whole_build(
    subject: ModelFolder, sae: Dictionary, windows: Windows, folder: Path, tokens: int
) -> dict[str, Any]:
    """The build of an atlas of one SAE over forward pass and plain encoder; bytes of its group."""
    params = make_params_for(subject, tokens, neurons=False, sae=write_sae(sae, folder / "sae"))
    model = SubjectModel.load(subject)
    model.cut_after([sae.hook_in])
    built: list[float] = []
    bare: list[float] = []
    for number in range(ROUNDS):
        started = cpu()
        build(params, folder / f"atlas{number}")
        built.append(cpu() - started)
        manifest = open_atlas(str(folder / f"atlas{number}")).manifest
        bare.append(bare_seconds(model, sae, windows, manifest.windowing.counted_tokens))
    size = group_bytes(folder / "atlas0", "sae") / sae.n_latents
    return {"whole_build_ratio": spread(built, bare), "bytes_per_latent": round(size)}


def bytes_per_neuron(subject: ModelFolder, folder: Path, tokens: int) -> int:
    """Mean over all layers, in an atlas of the neurons alone."""
    build(make_params_for(subject, tokens, neurons=True), folder / "neurons")
    record = subject.record
    sizes = [group_bytes(folder / "neurons", f"mlp_post.{layer}") for layer in range(record.n_layers)]
    return round(sum(sizes) / (record.n_layers * record.d_mlp))


def group_bytes(atlas: Path, dictionary: str) -> int:
    """All files of a dictionary's group."""
    store = next(atlas.glob(f"runs/*/dictionaries/{dictionary}.zarr"))
    return sum(file.stat().st_size for file in store.rglob("*") if file.is_file())


def bare_seconds(model: SubjectModel, sae: Dictionary, windows: Windows, tokens: int) -> float:
    """CPU seconds of forward pass and relu(x @ W_enc + b_enc) over so many tokens, all latents at once."""
    assert sae.W_enc is not None and sae.b_dec is not None
    bias = sae.bias - sae.b_dec @ sae.W_enc
    spent, done = 0.0, 0
    with torch.inference_mode(), model.catching([sae.hook_in]) as read, workers(1):
        for batch in windows.batches(BATCH):
            started = time.process_time()
            x = counted(model, read, batch)[sae.hook_in]
            torch.addmm(bias, x, sae.W_enc).relu_()
            spent += time.process_time() - started
            done += len(batch.token)
    return spent * tokens / done


def passes(folder: Path, part: int) -> dict[str, Any]:
    """Whole scans, each in a process of its own: one SAE over growing corpora, and twelve at once."""
    sizes = [BUILT // max(GROWN) // part * n for n in GROWN]
    one_pass.make(folder / "one", MINI, 1, 24_576, 2 * BUILT, sample=sizes[0])
    grown = [one_pass.measured(folder / "one", tokens) for tokens in sizes]
    layers = SMALL.n_layers // part
    tokens = BUILT // 4 // part
    one_pass.make(folder / "many", SMALL, layers, 24_576, 2 * BUILT, sample=tokens // 4)
    many = [one_pass.measured(folder / "many", tokens) for _ in range(1 if part > 1 else ROUNDS)]
    over = [run["peak"] / run["predicted"] for run in [*grown, *many]]
    return {
        "peak_memory_over_predicted": round(max(over, key=lambda ratio: abs(ratio - 1)), 3),
        "peak_memory_by_tokens": {run["tokens"]: run["peak"] for run in grown},
        "dictionaries_at_once": layers,
        "dictionaries_ratio": spread([run["time_ratio"] for run in many], [1.0] * len(many)),
        "dictionaries_peak": max(run["peak"] for run in many),
        "state_bytes_per_latent": round(many[0]["state"] / (layers * 24_576)),
    }


def spread(ours: list[float], bare: list[float]) -> dict[str, float]:
    """Median, lowest, highest of the rounds' ratios."""
    ratios = [mine / floor for mine, floor in zip(ours, bare, strict=True)]
    told = {"median": statistics.median(ratios), "lowest": min(ratios), "highest": max(ratios)}
    return {name: round(value, 3) for name, value in told.items()}


def timed(spent: dict[str, float], name: str, work: Callable[[], T]) -> T:
    """Adds the CPU seconds of `work` to `spent`."""
    started = time.process_time()
    result = work()
    spent[name] += time.process_time() - started
    return result


def cpu() -> float:
    """CPU seconds of this process and of all its children that have ended."""
    used = [resource.getrusage(who) for who in (resource.RUSAGE_SELF, resource.RUSAGE_CHILDREN)]
    return sum(each.ru_utime + each.ru_stime for each in used)


if __name__ == "__main__":
    main()
