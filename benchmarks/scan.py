"""The scan and the whole build against the work that can't be avoided, in CPU seconds of one thread.

    python -m benchmarks.scan [--quick]

The work is made from a seed (`benchmarks/work.py`). Batch by batch, in turn: the bare forward pass; the
products of the encoder alone, in the same blocks; encoding with the core statistics; encoding with the
tables too. A ratio is (forward + ours) / (forward + products); for neurons, which need no product,
(forward + ours) / forward. Each is the median of three rounds, told with the lowest and the highest.
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

from benchmarks.work import (
    N_LAYERS,
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
from pipeline.core.dictionaries import Dictionary, neurons
from pipeline.core.encode import starts
from pipeline.core.model import SubjectModel
from pipeline.core.model_folder import ModelFolder
from pipeline.core.params import Params
from pipeline.core.windows import Windows
from pipeline.scan import DictionaryScan, counted

T = TypeVar("T")
ROUNDS = 3
BATCH = 16
WIDTHS = {3_072: 65_536, 24_576: 32_768, 98_304: 16_384}  # latents: tokens
BUILT = 65_536
QUICK = 4  # a fourth of the tokens


def main() -> None:
    """Prints one JSON object."""
    arguments = argparse.ArgumentParser(description=__doc__.split("\n\n")[0] if __doc__ else None)
    arguments.add_argument("--quick", action="store_true", help="a fourth of the tokens: under 10 minutes")
    given = arguments.parse_args()
    torch.set_num_threads(1)
    with tempfile.TemporaryDirectory() as folder:
        print(json.dumps(measure(Path(folder), QUICK if given.quick else 1), indent=1))


def measure(folder: Path, part: int) -> dict[str, Any]:
    """Every ratio; `part` divides the tokens."""
    subject = make_model(folder / "model")
    windows = make_windows(subject, BUILT, folder / "work")
    model = SubjectModel.load(subject)
    model.cut_after([hook_point()])
    params = make_params_for(subject, BUILT, neurons=False)
    found: dict[str, Any] = {"core_ratio": {}, "tables_ratio": {}}
    for n_latents, tokens in WIDTHS.items():
        sae = make_sae(model, windows, n_latents)
        rounds = [one_round(model, [sae], windows, params, tokens // part) for _ in range(ROUNDS)]
        bare = [each["forward"] + each["products"] for each in rounds]
        for name in ("core", "tables"):
            ratios = [(r["forward"] + r[name]) / b for r, b in zip(rounds, bare, strict=True)]
            found[f"{name}_ratio"][n_latents] = spread(ratios)
        found.setdefault("firings_per_token", {})[n_latents] = rounds[0]["firings"] / rounds[0]["tokens"]
    found["neurons_ratio"] = neurons_ratio(subject, windows, params, WIDTHS[3_072] // part)
    found |= whole_build(subject, make_sae(model, windows, 3_072), windows, folder, BUILT // part)
    return found


def one_round(
    model: SubjectModel,
    dictionaries: list[Dictionary],
    windows: Windows,
    params: Params,
    tokens: int,
    kinds: tuple[str, ...] = ("core", "tables"),
) -> dict[str, float]:
    """CPU seconds spent on each part over about so many tokens."""
    counts = windows.type_counts(VOCABULARY)
    scans = {kind: [DictionaryScan(each, params, counts) for each in dictionaries] for kind in kinds}
    for scan in scans["core"]:
        del scan.parts["fires_on"]
    spent: dict[str, float] = defaultdict(float)
    points = sorted({each.hook_in for each in dictionaries})
    batches = windows.batches(BATCH)
    with torch.inference_mode(), model.catching(points) as read:
        warm(model, read, next(windows.batches(BATCH)), dictionaries, params, counts)
        for batch in islice(batches, max(1, tokens // (BATCH * windows.stride))):
            acts = timed(spent, "forward", lambda b=batch: counted(model, read, b))
            spent["tokens"] += len(batch.token)
            for number, each in enumerate(dictionaries):
                x = each.read(acts[each.hook_in])
                if each.W_enc is not None:
                    timed(spent, "products", lambda d=each, x=x: [d.pre(x, lo) for lo in starts(d)])
                for kind in kinds:
                    timed(spent, kind, lambda s=scans[kind][number], x=x, b=batch: take_in(s, x, b))
    spent["firings"] = sum(int(scan.state()["moments/firings"].sum()) for scan in scans["core"])
    return spent


def warm(model: SubjectModel, read: Any, batch: Any, dictionaries: Any, params: Params, counts: Any) -> None:
    """Everything once, so that nothing is compiled while the clock runs."""
    acts = counted(model, read, batch)
    for each in dictionaries:
        take_in(DictionaryScan(each, params, counts), each.read(acts[each.hook_in]), batch)


def take_in(scan: DictionaryScan, x: torch.Tensor, batch: Any) -> None:
    """One batch into one scan, block by block."""
    for lo in starts(scan.dictionary):
        scan.add([x], lo, (batch,))


def neurons_ratio(subject: ModelFolder, windows: Windows, params: Params, tokens: int) -> dict[str, float]:
    """All neurons of all layers over the whole forward pass."""
    model, record = SubjectModel.load(subject), subject.record
    model.cut_after([HookPoint("mlp_post", N_LAYERS - 1)])
    every = [neurons(layer, record.d_mlp, record.weights) for layer in range(record.n_layers)]
    rounds = [one_round(model, every, windows, params, tokens, ("core",)) for _ in range(ROUNDS)]
    return spread([(r["forward"] + r["core"]) / r["forward"] for r in rounds])


def whole_build(
    subject: ModelFolder, sae: Dictionary, windows: Windows, folder: Path, tokens: int
) -> dict[str, Any]:
    """The build of an atlas of one SAE, all its processes together, over forward pass and plain encoder."""
    params = make_params_for(subject, tokens, neurons=False, sae=write_sae(sae, folder / "sae"))
    model = SubjectModel.load(subject)
    model.cut_after([sae.hook_in])
    ratios: list[float] = []
    for number in range(ROUNDS):
        started = cpu()
        build(params, folder / f"atlas{number}")
        built = cpu() - started
        manifest = open_atlas(str(folder / f"atlas{number}")).manifest
        bare = bare_seconds(model, sae, windows, manifest.windowing.counted_tokens)
        ratios.append(built / bare)
    store = next((folder / "atlas0").glob("runs/*/dictionaries/sae.zarr"))
    size = sum(file.stat().st_size for file in store.rglob("*") if file.is_file())
    return {"whole_build_ratio": spread(ratios), "bytes_per_latent": round(size / sae.n_latents)}


def bare_seconds(model: SubjectModel, sae: Dictionary, windows: Windows, tokens: int) -> float:
    """CPU seconds of forward pass and relu(x @ W_enc + b_enc) over so many tokens, all latents at once."""
    assert sae.W_enc is not None and sae.b_dec is not None
    bias = sae.bias - sae.b_dec @ sae.W_enc
    spent, done = 0.0, 0
    with torch.inference_mode(), model.catching([sae.hook_in]) as read:
        for batch in windows.batches(BATCH):
            started = time.process_time()
            x = counted(model, read, batch)[sae.hook_in]
            torch.addmm(bias, x, sae.W_enc).relu_()
            spent += time.process_time() - started
            done += len(batch.token)
    return spent * tokens / done


def spread(ratios: list[float]) -> dict[str, float]:
    """Median, lowest, highest."""
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
